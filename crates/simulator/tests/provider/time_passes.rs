//! What changes as time passes: values by a schedule and under load, and the calls of others.

use std::time::Duration;

use tollgate_simulator::{Arrival, Origin, Provider, Seed, Time};

use super::settings::{config, name, provider, scope};

const LIMIT: &str = "platform.api/client.credentials.token.rate.per.minute";

fn one_limit(rest: &str) -> String {
    format!(
        "shape = 'genesys-cloud'\n[[limit]]\nname = '{LIMIT}'\nper = ['client']\nkind = 'sliding-window'\nvalue = 300\n\
         window = '60s'\n{rest}"
    )
}

/// Calls at an even rate, for so many seconds.
fn press(provider: &mut Provider, per_second: u64, seconds: u64) {
    let gap = Duration::from_micros(1_000_000 / per_second);
    let mut now = Time::START;
    while now < Time::from_secs(seconds) {
        provider.arrive(now, &Arrival::get("/api/v2/users").org("acme").client("app"));
        now = now + gap;
    }
}

fn done_in(provider: &Provider, from: u64, to: u64) -> u64 {
    provider.ledger().callers().during(Time::from_secs(from)..Time::from_secs(to)).done().count()
}

/// A cut by 30 % after two minutes, and a raise after four.
#[test]
fn a_limit_is_cut_and_raised_by_the_schedule() {
    let mut provider = provider(&one_limit(&format!(
        "[[change]]\nat = '2m'\nlimit = '{LIMIT}'\nvalue = 210\n[[change]]\nat = '4m'\nlimit = '{LIMIT}'\nvalue = 400"
    )));
    press(&mut provider, 20, 360);
    let minutes: Vec<u64> = (0..6).map(|minute| done_in(&provider, minute * 60, minute * 60 + 60)).collect();
    assert_eq!(minutes, [300, 300, 210, 210, 400, 400]);
    assert_eq!(provider.ledger().excesses(), vec![]);
    let whole = Time::START..Time::from_secs(360);
    let used = provider.ledger().utilisation(&scope(LIMIT, "app"), &whole);
    assert!((used - 1.0).abs() < 1e-9, "{used}");
}

#[test]
fn a_limit_shrinks_while_too_many_calls_arrive() {
    let text = one_limit("under_load = { above = \"10/s\", percent = 50 }");
    for (per_second, done) in [(20, 150), (5, 300)] {
        let mut provider = provider(&text);
        press(&mut provider, per_second, 60);
        assert_eq!(done_in(&provider, 0, 60), done, "at {per_second} a second");
        assert_eq!(provider.ledger().excesses(), vec![]);
    }
}

/// Other apps of the org use up the same limit. A limiter that knows only its own calls is refused.
#[test]
fn others_use_up_the_same_limit() {
    for arrivals in ["regular", "poisson"] {
        let mut provider = provider(&one_limit(&format!(
            "[[background]]\norg = 'acme'\nclient = 'app'\npath = '/api/v2/users'\nrate = '3/s'\narrivals = '{arrivals}'"
        )));
        press(&mut provider, 5, 60);
        let others = provider.ledger().all().only(|entry| entry.origin == Origin::Others).done().count();
        assert_eq!(done_in(&provider, 0, 60) + others, 300, "{arrivals}");
        // Both press from the start, so that others get their share of what there is: three of eight.
        assert!((80..=145).contains(&others), "{arrivals}: {others}");
        assert_eq!(provider.ledger().excesses(), vec![]);
    }
}

/// A background without an org is there in every org that has a client.
#[test]
fn others_are_in_every_org() {
    let mut provider = provider(
        "shape = 'genesys-cloud'\n[[client]]\nid = 'app-{n}'\nsecret = 's'\norg = 'org-{n}'\ncount = 50\n\
         [[background]]\npath = '/api/v2/users'\nrate = '1/s'\narrivals = 'regular'\nfrom = '10s'\nuntil = '21s'",
    );
    provider.advance(Time::from_secs(100));
    let by_org = provider.ledger().all().by_org();
    assert_eq!((by_org.len(), by_org.values().sum::<u64>()), (50, 500), "{by_org:?}");
    let orgs: Vec<&str> = by_org.keys().copied().collect();
    let jain = provider.ledger().all().jain(&orgs);
    assert!((jain - 1.0).abs() < 1e-9, "{jain}");
}

/// A caller that goes on in spite of its first 429 is seen, to the call: what a limiter that keeps the pause is asked
/// for is none.
#[test]
fn the_ledger_tells_who_calls_on_within_a_pause() {
    let mut provider = provider(&one_limit(""));
    press(&mut provider, 10, 90);
    let ledger = provider.ledger();
    let scope = scope(LIMIT, "app");
    let first = ledger.callers().refused_by(&name(LIMIT)).entries().next().expect("a refusal").at;
    assert_eq!(first, Time::from_secs(30));
    let after = first + Duration::from_micros(1);
    assert_eq!(ledger.callers().at(&scope).during(after..Time::from_secs(60)).count(), 299);
    assert_eq!(ledger.callers().at(&scope).during(Time::from_secs(60)..Time::from_secs(90)).count(), 300);
    assert_eq!(ledger.callers().refused_per_window(&name(LIMIT)), [300]);
}

#[test]
fn the_same_seed_and_calls_make_the_same_run() {
    let text = one_limit(
        "[[background]]\norg = 'acme'\npath = '/x'\nrate = '50/s'\n[latency]\nbase = '1ms'\njitter = '9ms'\n\
         [faults]\nerror = 0.2\nreset = 0.1",
    );
    let run = |seed| {
        let mut provider = Provider::new(config(&text), Seed::new(seed));
        let outcomes: Vec<String> = (0..500)
            .map(|at| {
                format!(
                    "{:?}",
                    provider.arrive(Time::from_micros(at * 10_000), &Arrival::get("/x").org("acme"))
                )
            })
            .collect();
        (outcomes, format!("{:?}", provider.ledger().all().entries().collect::<Vec<_>>()))
    };
    assert!(run(1) == run(1), "a run was not repeated");
    assert!(run(1) != run(2), "another seed makes no difference");
}
