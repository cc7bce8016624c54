//! Stacked limits: a call passes all of them or none.

use tollgate_simulator::{Arrival, Time, Verdict};

use super::settings::{STACKED, name, provider, scope};

fn users(org: &str) -> Arrival {
    Arrival::get("/api/v2/users?pageSize=25").org(org).client("app").token(org)
}

/// Three calls fill the limit on users. What it refuses then must leave the token's limit as it is.
#[test]
fn a_refused_call_counts_nowhere() {
    let mut provider = provider(STACKED);
    let verdicts: Vec<Verdict> =
        (0..10).map(|second| provider.arrive(Time::from_secs(second), &users("acme")).verdict).collect();
    assert_eq!(verdicts.iter().filter(|verdict| **verdict == Verdict::Done).count(), 3);
    let elsewhere = Arrival::get("/api/v2/queues").org("acme").client("app").token("acme");
    let verdicts = [10, 11, 12].map(|second| provider.arrive(Time::from_secs(second), &elsewhere).verdict);
    assert_eq!(verdicts, [Verdict::Done, Verdict::Done, Verdict::Refused]);
    assert_eq!(provider.ledger().excesses(), vec![]);
}

#[test]
fn a_refused_call_counts_at_the_other_limits_where_the_provider_is_so() {
    let mut provider = provider(&format!("refused_counts = true\n{STACKED}"));
    for second in 0..5 {
        provider.arrive(Time::from_secs(second), &users("acme"));
    }
    let elsewhere = Arrival::get("/api/v2/queues").org("acme").client("app").token("acme");
    let outcome = provider.arrive(Time::from_secs(6), &elsewhere);
    assert_eq!(outcome.refused_by, Some(name("platform.api/token.rate.per.minute")));
    assert_eq!(provider.ledger().excesses(), vec![]);
}

#[test]
fn of_several_limits_that_refuse_the_longest_wait_is_told() {
    let mut provider = provider(STACKED);
    for second in [0, 0, 20, 20, 20] {
        provider.arrive(Time::from_secs(second), &Arrival::get("/api/v2/queues").org("acme").token("acme"));
    }
    for second in [30, 30, 30] {
        // Another token of the same org fills the limit on users.
        provider.arrive(Time::from_secs(second), &users("acme").token("other"));
    }
    let outcome = provider.arrive(Time::from_secs(40), &users("acme"));
    assert_eq!(outcome.refused_by, Some(name("directory/user.rate.per.minute")));
    assert_eq!(outcome.wait, Time::from_secs(90).since(Time::from_secs(40)));
}

#[test]
fn a_key_with_a_value_of_its_own_is_counted_by_that() {
    let mut provider = provider(STACKED);
    for org in ["big", "small"] {
        for second in 0..5 {
            provider.arrive(Time::from_secs(second), &users(org));
        }
    }
    let done = provider.ledger().callers().done().by_org();
    assert_eq!((done["big"], done["small"]), (4, 3));
    let minute = Time::START..Time::from_secs(60);
    let used = provider.ledger().utilisation(&scope("directory/user.rate.per.minute", "big"), &minute);
    assert!((used - 1.0).abs() < 1e-9, "{used}");
}

/// A token has a limit of its own, so calls with another token of the same client pass; a limit per org does not care.
#[test]
fn limits_are_counted_per_what_they_say() {
    let mut provider = provider(STACKED);
    for token in ["t-1", "t-2"] {
        for _ in 0..6 {
            provider
                .arrive(Time::START, &Arrival::get("/api/v2/queues").org("acme").client("app").token(token));
        }
    }
    let by_token = |token: &str| {
        provider.ledger().callers().at(&scope("platform.api/token.rate.per.minute", token)).done().count()
    };
    assert_eq!((by_token("t-1"), by_token("t-2")), (5, 5));
}

#[test]
fn calls_in_flight_make_room_when_they_are_over() {
    let mut provider = provider(
        "shape = 'genesys-cloud'\n[[limit]]\nname = 'integrations/actions.in.flight'\nper = ['org']\n\
         kind = 'concurrent'\nvalue = 2\npath = '/api/v2/integrations/actions/**'",
    );
    let call = Arrival::post("/api/v2/integrations/actions/a-1/execute").org("acme");
    let [first, second, third] = [0, 1, 2].map(|second| provider.arrive(Time::from_secs(second), &call));
    assert_eq!(
        [first.verdict, second.verdict, third.verdict],
        [Verdict::Done, Verdict::Done, Verdict::Refused]
    );
    for _ in 0..2 {
        provider.finish(Time::from_secs(3), first.call);
    }
    let verdicts = [3, 4].map(|second| provider.arrive(Time::from_secs(second), &call).verdict);
    assert_eq!(verdicts, [Verdict::Done, Verdict::Refused], "a call that ends twice makes room once");
    assert_eq!(provider.ledger().excesses(), vec![]);
}

/// 12,000 a minute at 25 items a page are 3,000 at 100.
#[test]
fn larger_pages_cost_more() {
    let mut provider = provider(
        "shape = 'genesys-cloud'\n[[limit]]\nname = 'flows/flows.rate.per.minute'\nper = ['org']\npath = '/api/v2/flows'\n\
         kind = 'sliding-window'\nvalue = 12000\nwindow = '60s'\ncost = { query = 'pageSize', per = 25 }",
    );
    let call = Arrival::get("/api/v2/flows?pageSize=100").org("acme");
    let done = (0..4_000)
        .filter(|at| provider.arrive(Time::from_micros(*at), &call).verdict == Verdict::Done)
        .count();
    assert_eq!(done, 3_000);
    let entry = provider.ledger().all().entries().next().expect("an entry");
    assert_eq!((entry.cost, entry.path, entry.query), (4, "/api/v2/flows", "pageSize=100"));
}

#[test]
fn per_day_limits_tell_waits_of_hours() {
    let mut provider = provider(
        "shape = 'genesys-cloud'\n[[limit]]\nname = 'task.management/tasks.per.day'\nper = ['org']\nkind = 'fixed-window'\n\
         value = 1\nwindow = '1d'",
    );
    provider.arrive(Time::from_secs(3_600), &Arrival::get("/x").org("acme"));
    let outcome = provider.arrive(Time::from_secs(7_200), &Arrival::get("/x").org("acme"));
    let answer = outcome.answer.expect("an answer");
    assert_eq!(answer.header("retry-after"), Some("82800"));
}
