//! Paths that are kept are those that would be found anew.

use std::sync::Arc;

use super::*;
use crate::call::{Call, CallError};

/// Every kind of value decides on something.
fn every_kind() -> Policy {
    policy(&[
        "name = 'routes'\nper = ['org', 'client']\nrate = '1/s'\nwhen = { path = '/users/**', method = 'GET' }",
        "name = 'regions'\nper = ['attributes.region']\nrate = '1/s'\nwhen = { org = 'acme' }\nmode = 'observe'",
        "name = 'dear'\nper = ['token']\nrate = '1/s'\nburst = 2\nmode = 'observe'",
        "name = 'apps'\nper = ['provider']\nrate = '9/s'\nburst = 9\nmode = 'observe'\nwhen = { client = 'c' }",
        "name = 'all'\nper = []\nrate = '9/s'\nburst = 9",
    ])
}

/// Calls that differ in one value each, some of which pass the same buckets.
fn calls() -> Vec<Call> {
    let base = || Call::get("/users/7").org("acme").client("c");
    vec![
        base(),
        Call::get("/users/8").org("acme").client("c"),
        Call::get("/else").org("acme").client("c"),
        Call::post("/users/7").org("acme").client("c"),
        base().org("other"),
        base().org("acmec").client("c"),
        base().org("acm").client("ec"),
        base().client("d"),
        base().token("t"),
        base().token("u"),
        base().provider("p"),
        base().attribute("region", "eu"),
        base().attribute("region", "us"),
        base().attribute("colour", "red"),
        base().token("t").cost(3),
        base().cost(9),
        base().request_id("job-1"),
        Call::get("/").org("acme"),
        Call::get("/").client("c"),
        Call::get("/"),
    ]
}

/// Asks for each call's path after each other's, where all share one slot, and where each has its own.
#[test]
fn a_path_that_is_kept_is_the_one_that_would_be_found() {
    let (policy, calls) = (every_kind(), calls());
    let told = policy.to_json().replacen('{', r#"{"record_calls":["acme"],"#, 1);
    let told = Policy::from_json(&told).unwrap();
    for (policy, slots) in [(&policy, 1), (&policy, 4_096), (&told, 1), (&told, 4_096)] {
        let known = KnownPaths::with_slots(policy, slots);
        for before in &calls {
            for call in &calls {
                let _ = known.path(policy, before);
                let path = known.path(policy, call).map(|path| (*path).clone());
                assert_eq!(path, policy.path(call), "{call:?} after {before:?}, {slots} slots");
            }
        }
    }
}

#[test]
fn a_call_again_has_the_very_path_it_had() {
    let policy = every_kind();
    let known = KnownPaths::of(&policy);
    let call = || Call::get("/users/7").org("acme").client("c");
    let first = known.path(&policy, &call()).unwrap();
    for same in [call(), call().request_id("job-1"), call().attribute("colour", "red")] {
        assert!(Arc::ptr_eq(&first, &known.path(&policy, &same).unwrap()), "{same:?}");
    }
    let other_id = Call::get("/users/8").org("acme").client("c");
    assert!(Arc::ptr_eq(&first, &known.path(&policy, &other_id).unwrap()), "no limit is counted per path");
}

#[test]
fn a_call_that_can_not_be_decided_on_is_an_error_each_time() {
    let policy = every_kind();
    let known = KnownPaths::of(&policy);
    let dear = Call::get("/").cost(10);
    let unnamed = Call::get("/users/7");
    let faulty = Call::get("no-slash");
    for call in [&dear, &unnamed, &faulty, &dear, &unnamed, &faulty] {
        let error: CallError = known.path(&policy, call).unwrap_err();
        assert_eq!(Err(error), policy.path(call));
    }
    assert_eq!(known.count(), 0);
}

/// However many organisations there are, and however long their names.
#[test]
fn no_more_paths_are_kept_than_there_are_slots() {
    let policy = policy(&["name = 'org'\nper = ['org']\nrate = '1/s'"]);
    let known = KnownPaths::with_slots(&policy, 8);
    for number in 0..1_000 {
        known.path(&policy, &Call::get("/").org(format!("org-{number}"))).unwrap();
    }
    assert!(known.count() <= 8, "{}", known.count());

    let wide: Vec<_> =
        (0..8).map(|limit| format!("name = 'l{limit}'\nper = ['org']\nrate = '1/s'")).collect();
    let policy = super::policy(&wide.iter().map(String::as_str).collect::<Vec<_>>());
    let known = KnownPaths::of(&policy);
    known.path(&policy, &Call::get("/").org("x".repeat(200))).unwrap();
    assert_eq!(known.count(), 0, "2 KB of names");
    known.path(&policy, &Call::get("/").org("x")).unwrap();
    assert_eq!(known.count(), 1);
}

#[test]
fn the_paths_go_with_their_policy() {
    let policy = every_kind();
    let known = KnownPaths::of(&policy);
    let path = known.path(&policy, &Call::get("/")).unwrap();
    assert_eq!(Arc::strong_count(&path), 2);
    drop(known);
    assert_eq!(Arc::strong_count(&path), 1);
}
