//! Keys: one for each combination of values, whatever the values are.

use super::*;
use crate::call::Call;
use proptest::prelude::*;

fn name_of(policy: &Policy, call: &Call) -> String {
    let path = policy.path(call).unwrap();
    assert_eq!(path.buckets().len(), 1, "{path:?}");
    path.buckets()[0].name().to_owned()
}

#[test]
fn a_key_is_the_values_in_the_order_of_per() {
    let call = Call::post("/a/b?c")
        .org("acme/eu")
        .client("app:1%")
        .token("abc")
        .provider("genesys")
        .attribute("region", "eu");
    let rows = [
        ("[]", "l:"),
        ("['org']", "l:acme/eu"),
        ("['client']", "l:app:1%"),
        ("['token']", "l:ba7816bf8f01cfea"),
        ("['path']", "l:/a/b"),
        ("['org', 'client']", "l:acme%2Feu/app:1%25"),
        ("['client', 'org']", "l:app:1%25/acme%2Feu"),
        ("['provider', 'method', 'path']", "l:genesys/POST/%2Fa%2Fb"),
        ("['attributes.region', 'method']", "l:eu/POST"),
    ];
    for (per, name) in rows {
        let policy = policy(&[&format!("name = 'l'\nper = {per}\nrate = '1/s'")]);
        assert_eq!(name_of(&policy, &call), name, "per {per}");
        assert_eq!(policy.path(&call).unwrap().buckets()[0].key(), &name[2..], "behind the first colon");
    }
}

#[test]
fn overrides_are_found_by_the_key() {
    let policy =
        policy(&["name = 'l'\nper = ['org', 'client']\nrate = '1/s'\noverride.'a%2Fb/c'.rate = '7/s'"]);
    let burst = |org: &str| {
        let path = policy.path(&Call::get("/").org(org).client("c")).unwrap();
        path.buckets()[0].terms.burst()
    };
    assert_eq!((burst("a/b"), burst("a")), (7, 1));
    assert_eq!(policy.limits()[0].terms_of(Measure::Tokens, "a%2Fb/c").unwrap().burst(), 7);
    assert_eq!(policy.limits()[0].terms_of(Measure::Tokens, "a/c").unwrap().burst(), 1);
}

#[test]
fn an_operator_finds_a_bucket_by_limit_and_key() {
    let policy = policy(&["name = 'l'\nper = ['org', 'client']\nrate = '1/s'"]);
    let bucket = policy.bucket("l", "a%2Fb/c").unwrap();
    assert_eq!(Some(&bucket), policy.path(&Call::get("/").org("a/b").client("c")).unwrap().buckets().first());
    assert_eq!(policy.bucket("l", "a"), None, "no call has that key");
    assert_eq!(policy.bucket("m", "a/b"), None, "no such limit");
}

/// Values full of what keys are made of.
fn hostile() -> impl Strategy<Value = String> {
    prop_oneof!["[/%:25Fa]{1,6}", "\\PC{1,12}"]
}

proptest! {
    #[test]
    fn two_combinations_never_share_a_key(
        one in (hostile(), hostile(), hostile()),
        other in (hostile(), hostile(), hostile()),
    ) {
        let policy = policy(&["name = 'l'\nper = ['org', 'client', 'attributes.x']\nrate = '1/s'"]);
        let name = |(org, client, x): &(String, String, String)| {
            name_of(&policy, &Call::get("/").org(org).client(client).attribute("x", x))
        };
        prop_assert_eq!(name(&one) == name(&other), one == other);
    }

    #[test]
    fn a_key_that_a_call_has_can_be_looked_up(one in hostile(), other in hostile(), route in hostile()) {
        let call = Call::get(format!("/{route}")).org(&one).client(&other).token(&one).attribute("x", &other);
        let all = ["'org'", "'path'", "'token'", "'org', 'path'", "'client', 'method', 'attributes.x'"];
        for per in all {
            let policy = policy(&[&format!("name = 'l'\nper = [{per}]\nrate = '1/s'")]);
            let path = policy.path(&call).unwrap();
            let found = policy.bucket("l", path.buckets()[0].key());
            prop_assert_eq!(found.as_ref(), path.buckets().first());
        }
    }
}
