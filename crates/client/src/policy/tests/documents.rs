//! What right documents come to.

use super::*;

const EXAMPLE: &str = include_str!("../../../../../examples/genesys.toml");

#[test]
fn the_example_is_a_policy() {
    let policy = Policy::from_toml(EXAMPLE).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!((policy.namespace(), policy.provider()), ("genesys", Some("genesys-cloud")));
    let names: Vec<&str> = policy.limits().iter().map(Limit::name).collect();
    assert_eq!(names, ["token", "users", "org", "platform"]);
    let [token, users, org, platform] = policy.limits() else { panic!("four limits") };
    assert_eq!((token.quota(), token.slack(), token.burst()), (Some("300/1m"), Some("500ms"), Some(30)));
    assert_eq!((token.names().len(), users.burst()), (2, Some(18)));
    let acme = org.terms_of(Measure::Tokens, "acme").unwrap();
    assert_eq!((org.rate(), org.burst(), acme.burst()), (Some("10/s"), Some(10), 50));
    assert_eq!((platform.mode(), platform.per()), (Mode::Observe, &[][..]));
}

/// The comment in the example: "30 calls at once, and then one every 223 ms".
#[test]
fn the_example_tells_the_true_pace() {
    let token = Policy::from_toml(EXAMPLE).unwrap().limits()[0].terms(Measure::Tokens).unwrap();
    assert_eq!(token.credit() / token.refill(), 223_247, "microseconds a token");
}

/// `toml::Value` and `serde_json::Value` are other readers than ours, so this compares the two forms.
#[test]
fn toml_and_json_are_two_ways_to_write_one_document() {
    let toml = Policy::from_toml(EXAMPLE).unwrap();
    let table: toml::Table = EXAMPLE.parse().unwrap();
    let json = Policy::from_json(&serde_json::to_string(&table).unwrap()).unwrap();
    assert_eq!(toml, json);
    assert_eq!((toml.to_json(), toml.digest()), (json.to_json(), json.digest()));
}

#[test]
fn the_canonical_document_is_stable_and_adds_no_defaults() {
    let limit = "{ rate = '1/s', per = [], name = 'l', when.path = ['/a'], override = {} }";
    let text = format!("limit = [{limit}]\nnamespace = 'n'");
    let policy = Policy::from_toml(&text).unwrap();
    let json = r#"{"namespace":"n","limit":[{"name":"l","when":{"path":"/a"},"per":[],"rate":"1/s"}]}"#;
    assert_eq!(policy.to_json(), json);
    assert_eq!(policy.digest(), "2f7f6467a39c8c4b");
    assert_eq!(Policy::from_json(json).unwrap(), policy);
}

/// What is written stays as it is written, in both languages.
#[test]
fn organisations_whose_calls_are_told_are_part_of_the_document() {
    let written = ["acme", "a/b %\u{e4}\"", "*"];
    let policy = Policy::from_toml(&format!("namespace = 'n'\nrecord_calls = {written:?}")).unwrap();
    assert_eq!(policy.record_calls(), written);
    let json = r#"{"namespace":"n","record_calls":["acme","a/b %\u00e4\"","*"],"limit":[]}"#;
    assert_eq!(Policy::from_json(json).unwrap(), policy);
    assert_eq!(Policy::from_json(&policy.to_json()).unwrap(), policy);
    assert_ne!(Policy::from_toml("namespace = 'n'").unwrap(), policy);
}

#[test]
fn an_override_holds_as_if_the_limit_were_written_with_it() {
    let rate = "rate = '10/s'";
    let quota = "quota = '300/1m'\nburst = 50\nslack = '1s'";
    #[rustfmt::skip]
    let rows = [
        // The limit, the override, and the limit written with it.
        (rate, "rate = '50/s'", "rate = '50/s'"),
        ("rate = '10/s'\nburst = 4", "rate = '50/s'", "rate = '50/s'\nburst = 4"),
        (rate, "rate = '50/s'\nburst = 7", "rate = '50/s'\nburst = 7"),
        (rate, "burst = 7", "rate = '10/s'\nburst = 7"),
        (rate, "quota = '300/1m'", "quota = '300/1m'"),
        (quota, "quota = '600/1m'", "quota = '600/1m'\nburst = 50\nslack = '1s'"),
        (quota, "quota = '600/1m'\nslack = '2s'", "quota = '600/1m'\nburst = 50\nslack = '2s'"),
        (quota, "burst = 60\nslack = '2s'", "quota = '300/1m'\nburst = 60\nslack = '2s'"),
        (quota, "rate = '9/s'", "rate = '9/s'\nburst = 50"),
    ];
    for (limit, other, together) in rows {
        let head = "name = 'l'\nper = ['org']\n";
        let overridden = policy(&[&format!("{head}{limit}\n[limit.override.x]\n{other}")]);
        let together = policy(&[&format!("{head}{together}")]);
        assert_eq!(
            overridden.limits()[0].terms_of(Measure::Tokens, "x").unwrap(),
            together.limits()[0].terms(Measure::Tokens).unwrap(),
            "{limit} with {other}"
        );
        assert_eq!(
            overridden.limits()[0].terms_of(Measure::Tokens, "y").unwrap(),
            overridden.limits()[0].terms(Measure::Tokens).unwrap(),
            "of others"
        );
    }
}

#[test]
fn what_is_left_out_has_its_default() {
    let policy = policy(&["name = 'l'\nper = ['org', 'attributes.region']\nquota = '5/1m'"]);
    let limit = &policy.limits()[0];
    assert_eq!(
        (limit.mode(), limit.max_keys(), limit.burst(), limit.slack()),
        (Mode::Enforce, 1_000_000, Some(1), None)
    );
    assert_eq!((policy.provider(), limit.names().len(), limit.rate()), (None, 0, None));
}

#[test]
fn an_operator_sees_a_limit_with_its_defaults_filled_in() {
    let policy = policy(&[
        "name = 'l'\nper = ['org', 'attributes.region']\nquota = '5/1m'\nwhen = { method = 'GET' }\n\
         override.'a/b'.burst = 2",
    ]);
    let shown = serde_json::to_value(&policy.limits()[0]).unwrap();
    let expected = serde_json::json!({
        "name": "l", "names": [], "when": { "method": "GET" }, "per": ["org", "attributes.region"],
        "quota": "5/1m", "burst": 1, "mode": "enforce", "max_keys": 1_000_000,
        "override": { "a/b": { "burst": 2 } },
        "terms": { "refill": 5, "credit": 60_000_001, "capacity": 60_000_001 },
    });
    assert_eq!(shown, expected);
}

#[test]
fn a_policy_can_be_shared_between_threads() {
    fn assert_shared<T: Send + Sync>() {}
    assert_shared::<Policy>();
}
