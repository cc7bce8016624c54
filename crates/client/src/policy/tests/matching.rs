//! Which limits a call passes.

use super::*;
use crate::call::{Call, CallError};

/// The names of the limits a call passes.
fn passed<'a>(policy: &'a Policy, call: &Call) -> Vec<&'a str> {
    let path = policy.path(call).unwrap();
    path.buckets().iter().map(|bucket| policy.limits()[usize::from(bucket.limit)].name()).collect()
}

/// A policy of one limit with this `when`.
fn when(when: &str) -> Policy {
    policy(&[&format!("name = 'l'\nper = []\nrate = '1/s'\nwhen = {when}")])
}

#[test]
fn a_limit_without_a_condition_applies_to_every_call() {
    let policy =
        policy(&["name = 'a'\nper = []\nrate = '1/s'", "name = 'b'\nper = ['method']\nrate = '1/s'"]);
    assert_eq!(passed(&policy, &Call::get("/")), ["a", "b"], "in the order of the policy");
}

#[test]
fn a_call_that_no_limit_applies_to_has_an_empty_path() {
    assert!(passed(&when("{ path = '/a' }"), &Call::get("/b")).is_empty());
    assert!(passed(&policy(&[]), &Call::get("/b")).is_empty());
}

#[test]
fn patterns_match_whole_segments() {
    #[rustfmt::skip]
    let rows: [(&str, &[&str], &[&str]); 9] = [
        ("/v2/users", &["/v2/users"], &["/v2/users/7", "/v2", "/x/v2/users", "/v2/USERS"]),
        ("/v2/quality/**", &["/v2/quality", "/v2/quality/x", "/v2/quality/x/y"], &["/v2/qualityx"]),
        ("/api/*/users", &["/api/v2/users", "/api/v2%2Fx/users"], &["/api/users", "/api/v2/x/users"]),
        ("/users/*", &["/users/7", "/users/.7"], &["/users", "/users/7/roles"]),
        ("/users/7*", &["/users/7", "/users/78"], &["/users/8", "/users/7/8"]),
        ("/a/**/z", &["/a/z", "/a/b/z", "/a/b/c/z"], &["/a", "/a/bz", "/a/z/b"]),
        ("/**", &["/", "/a", "/a/b"], &[]),
        ("/", &["/"], &["/a"]),
        ("/caf\u{e9}/!x", &["/caf%C3%A9/!x"], &["/cafe/!x"]),
    ];
    for (pattern, matching, others) in rows {
        let policy = when(&format!("{{ path = '{pattern}' }}"));
        for path in matching {
            assert_eq!(passed(&policy, &Call::get(path)), ["l"], "{pattern} and {path}");
        }
        for path in others {
            assert!(passed(&policy, &Call::get(path)).is_empty(), "{pattern} and {path}");
        }
    }
}

/// A route that servers take for the same must not get past its limit for how it is written.
#[test]
fn writing_a_route_differently_does_not_dodge_its_limit() {
    let policy = when("{ path = '/api/v2/quality/**' }");
    let written = [
        "/api/v2/quality/x/",
        "//api//v2//quality//x",
        "/api/v2/./quality/x",
        "/api/v2/users/../quality/x",
        "/api/v2/users/%2e%2e/quality/x",
        "/api/v2/%71uality/x",
        "/api\\v2\\quality\\x",
        "/api/v2/quality/x?pageSize=25",
        "/api/v2/quality?",
        "/api/v2/quality/#x",
    ];
    for path in written {
        assert_eq!(passed(&policy, &Call::get(path)), ["l"], "{path}");
    }
}

#[test]
fn all_conditions_must_hold_and_of_a_list_any_value() {
    let policy = when("{ path = ['/a/**', '/b'], method = ['get', 'POST'], org = ['x', 'w'], client = 'c' }");
    let call = |method: &str, path: &str| Call::new(method, path).org("w").client("c");
    assert_eq!(passed(&policy, &call("get", "/a")), ["l"]);
    assert_eq!(passed(&policy, &call("Post", "/b")), ["l"]);
    let others = [
        call("PUT", "/a"),
        call("GET", "/c"),
        call("GET", "/a").org("y"),
        call("GET", "/a").client("d"),
        Call::get("/a").client("c"),
    ];
    for other in others {
        assert!(passed(&policy, &other).is_empty(), "{other:?}");
    }
}

#[test]
fn many_limits_are_matched_at_once() {
    let limits: Vec<String> = (0..256)
        .map(|n| {
            format!("name = 'l{n}'\nper = []\nrate = '1/s'\nwhen.path = ['/x/{n}/**', '/all', '/*/{n}']")
        })
        .collect();
    let policy = policy(&limits.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(passed(&policy, &Call::get("/x/255")), ["l255"]);
    assert_eq!(passed(&policy, &Call::get("/x/64/y")), ["l64"]);
    assert_eq!(passed(&policy, &Call::get("/all")).len(), 256);
}

#[test]
fn a_call_must_name_what_its_limits_are_counted_per() {
    for (per, attribute) in [("org", "org"), ("client", "client"), ("attributes.region", "attributes.region")]
    {
        let policy = policy(&[&format!("name = 'l'\nper = ['method', '{per}']\nrate = '1/s'")]);
        let error = policy.path(&Call::get("/")).unwrap_err();
        let missing = CallError::NotNamed { limit: "l".to_owned(), attribute: attribute.to_owned() };
        assert_eq!(error, missing);
        assert_eq!(error.to_string(), format!("limit l is counted per {attribute}: the call must name it"));
    }
}

#[test]
fn a_call_must_not_cost_more_than_a_limit_ever_holds() {
    let policy = policy(&["name = 'l'\nper = ['org']\nrate = '10/s'\noverride.acme.burst = 20"]);
    assert!(policy.path(&Call::get("/").org("x").cost(10)).is_ok());
    assert!(policy.path(&Call::get("/").org("acme").cost(20)).is_ok());
    let error = policy.path(&Call::get("/").org("x").cost(11)).unwrap_err();
    assert_eq!(error, CallError::CostAboveBurst { limit: "l".to_owned(), cost: 11, burst: 10 });
    assert_eq!(
        error.to_string(),
        "cost 11 is above 10, the burst of limit l: split the call or raise the burst"
    );
}

#[test]
fn a_fault_of_the_call_is_reported_even_where_no_limit_applies() {
    assert_eq!(policy(&[]).path(&Call::get("/").cost(0)), Err(CallError::CostZero));
}

/// A dry run must not fail calls that would go through without it.
#[test]
fn an_observed_limit_never_stands_in_the_way_of_a_call() {
    let policy = policy(&["name = 'l'\nper = ['org']\nrate = '10/s'\nmode = 'observe'"]);
    assert_eq!(passed(&policy, &Call::get("/").org("x")), ["l"]);
    assert!(passed(&policy, &Call::get("/")).is_empty(), "without its org");
    assert!(passed(&policy, &Call::get("/").org("x").cost(11)).is_empty(), "above its burst");
}
