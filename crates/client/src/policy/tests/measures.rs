//! What a limit counts beside tokens: gaps between grants and calls in flight; and what a call costs it.

use super::*;
use crate::Call;
use std::time::Duration;

const EXPORTS: &str = "name = 'exports'
    per = ['org', 'client']
    when = { path = '/exports/**' }
    rate = '15/s'
    concurrent = 5
    spacing = '200ms'
    cost = { query = 'pageSize', per = 25 }";

fn call(path: &str) -> Call {
    Call::get(path).org("acme").client("app")
}

/// Names and costs of the buckets that a call passes.
fn steps(policy: &Policy, call: &Call) -> Vec<(String, u32)> {
    let path = policy.path(call).unwrap();
    path.buckets().iter().map(|bucket| bucket.name().to_owned()).zip(path.costs().iter().copied()).collect()
}

#[test]
fn each_measure_has_a_bucket_of_its_own() {
    let policy = policy(&[EXPORTS, "name = 'org'\nper = ['org']\nrate = '50/s'"]);
    let expected = [
        ("exports:acme/app", 4),
        ("exports/spacing:acme/app", 1),
        ("exports/concurrent:acme/app", 1),
        ("org:acme", 1),
    ];
    assert_eq!(
        steps(&policy, &call("/exports/7?pageSize=100")),
        expected.map(|(name, cost)| (name.to_owned(), cost))
    );

    let path = policy.path(&call("/exports/7")).unwrap();
    let [tokens, spacing, in_flight, org] = path.buckets() else { panic!("{path:?}") };
    assert!([tokens, spacing, in_flight].iter().all(|bucket| bucket.limit_name() == "exports"));
    assert_eq!([tokens, in_flight, org].map(Bucket::key), ["acme/app", "acme/app", "acme"]);
    assert_eq!((spacing.measure(), in_flight.measure()), (Measure::Spacing, Measure::InFlight));
    assert_eq!((spacing.terms().burst(), spacing.terms().full_in_us(200_000)), (1, 200_000));
    assert_eq!((in_flight.terms().burst(), in_flight.terms().lease()), (5, Some(Duration::from_secs(30))));
    assert_eq!(tokens.terms().lease(), None);
    for bucket in path.buckets() {
        assert_eq!(policy.bucket(bucket.counted_as(), bucket.key()).as_ref(), Some(bucket));
    }
    assert_eq!(policy.bucket("org/spacing", "acme"), None);
    assert_eq!(policy.bucket("exports/none", "acme/app"), None);
}

#[test]
fn a_cost_is_read_off_the_query() {
    let policy = policy(&[EXPORTS]);
    let cost = |call: &Call| steps(&policy, call)[0].1;
    let rows = [("", 1), ("?pageSize=1", 1), ("?pageSize=25", 1), ("?pageSize=26", 2), ("?pageSize=0", 1)];
    for (query, expected) in rows {
        assert_eq!(cost(&call(&format!("/exports/7{query}"))), expected, "{query}");
    }
    assert_eq!(cost(&call("/exports/7").cost(3)), 3, "what the call says of itself");
    assert_eq!(cost(&call("/exports/7?pageSize=50").cost(3)), 2, "the query says it");
    for items in ["376", "99999999999999999999"] {
        let error = policy.path(&call(&format!("/exports/7?pageSize={items}"))).unwrap_err();
        assert!(matches!(error, crate::CallError::CostAboveBurst { burst: 15, .. }), "{error}");
    }
}

/// Two calls that differ in nothing but what they cost by their query are never taken for one another.
#[test]
fn a_path_that_is_known_is_known_with_its_cost() {
    let policy = policy(&[EXPORTS]);
    let known = KnownPaths::of(&policy);
    for (size, expected) in [(25, 1), (50, 2), (25, 1), (375, 15)] {
        let call = call(&format!("/exports/7?pageSize={size}"));
        assert_eq!(known.path(&policy, &call).unwrap().costs()[0], expected);
    }
}

#[test]
fn an_override_changes_what_it_names_and_nothing_else() {
    let policy = policy(&[&format!(
        "{EXPORTS}\nlease = '2s'\n[limit.override.'acme/app']\nconcurrent = 9\n[limit.override.'b/c']\nrate = '1/s'"
    )]);
    let limit = &policy.limits()[0];
    let of = |measure, key| limit.terms_of(measure, key).unwrap();
    assert_eq!(of(Measure::InFlight, "acme/app").burst(), 9);
    assert_eq!(of(Measure::Tokens, "acme/app"), of(Measure::Tokens, "x/y"));
    assert_eq!(of(Measure::Spacing, "acme/app"), of(Measure::Spacing, "x/y"));
    assert_eq!((of(Measure::InFlight, "b/c").burst(), of(Measure::Tokens, "b/c").burst()), (5, 1));
    assert_eq!(of(Measure::InFlight, "b/c").lease(), Some(Duration::from_secs(2)));
}

/// A true cost, once it is known, corrects what depends on it.
#[test]
fn a_true_cost_is_charged_where_costs_are_counted() {
    let policy = policy(&[EXPORTS, "name = 'org'\nper = ['org']\nrate = '50/s'"]);
    let path = policy.path(&call("/exports/7?pageSize=100")).unwrap();
    let corrections = |cost| path.corrections(cost).map(|(_, given_back)| given_back).collect::<Vec<_>>();
    assert_eq!(corrections(4), [0, 0, 0, 0]);
    assert_eq!(corrections(1), [3, 0, 0, 0], "a limit that counts calls counted one");
    assert_eq!(corrections(9), [-5, 0, 0, 0]);
    assert_eq!(corrections(0), [4, 1, 0, 1], "it was not sent");
    let path = policy.path(&call("/users").cost(5)).unwrap();
    assert_eq!(path.corrections(2).map(|(_, given_back)| given_back).collect::<Vec<_>>(), [3]);
}
