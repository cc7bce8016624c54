//! A ledger of a million calls.

use tollgate_simulator::{Arrival, Time};

use super::settings::provider;

/// Fifty orgs, three stacked limits, a million calls: decided, noted and judged. It takes a second or two; a ledger
/// that looked at everything again with each call would take days.
#[test]
fn a_million_calls_are_decided_and_judged() {
    let mut provider = provider(
        "shape = 'genesys-cloud'\n\
         [[limit]]\nname = 'a/token'\nper = ['token']\nkind = 'fixed-window'\nvalue = 300\nwindow = '60s'\n\
         [[limit]]\nname = 'a/users'\nper = ['org']\nkind = 'sliding-window'\nvalue = 180\nwindow = '60s'\n\
         path = '/api/v2/users/**'\n\
         [[limit]]\nname = 'a/all'\nper = []\nkind = 'leaky-bucket'\nvalue = 9000\nwindow = '60s'\n",
    );
    let calls: Vec<Arrival> = (0..50)
        .map(|org| {
            Arrival::get("/api/v2/users").org(&format!("org-{org}")).client("app").token(&format!("t-{org}"))
        })
        .collect();
    for (number, call) in (0_u64..1_000_000).zip(calls.iter().cycle()) {
        provider.arrive(Time::from_micros(number * 600), call);
    }
    let ledger = provider.ledger();
    assert_eq!(ledger.all().count(), 1_000_000);
    assert_eq!(ledger.excesses(), vec![]);
    // Ten minutes of 180 for each of fifty orgs, which is also what all together may have.
    assert_eq!(ledger.all().done().count(), 90_000);
}
