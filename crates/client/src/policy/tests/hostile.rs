//! Documents that nobody wrote: whatever comes, there is an answer, and what is taken can be written again.

use super::*;
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use serde_json::{Value, json};

/// Reads a text both ways; what is a policy must be equal to itself written and read.
fn read(text: &str) {
    for policy in [Policy::from_toml(text), Policy::from_json(text)].into_iter().flatten() {
        let again = Policy::from_json(&policy.to_json()).unwrap_or_else(|error| panic!("{error}\n{text}"));
        assert_eq!(policy, again);
        assert_eq!(policy.to_json(), again.to_json());
    }
}

/// The words that documents are made of, and some beside them.
fn word() -> impl Strategy<Value = String> {
    let words = [
        "namespace",
        "provider",
        "limit",
        "name",
        "names",
        "when",
        "path",
        "method",
        "org",
        "client",
        "per",
        "rate",
        "quota",
        "burst",
        "slack",
        "mode",
        "max_keys",
        "override",
        "weight",
        "concurrent",
        "spacing",
        "cost",
        "on_outage",
        "extends",
        "throttled",
        "status",
        "wait",
        "header",
        "body",
        "pattern",
        "as",
        "is",
        "backoff",
        "after",
        "window",
        "structured",
        "seconds",
        "retry-after",
        "/limit/key",
        "(a+)",
        "query",
        "300/1m",
        "1/s",
        "500ms",
        "enforce",
        "refuse",
        "/a/**",
        "GET",
        "attributes.x",
        "",
    ];
    prop_oneof![4 => prop::sample::select(words.to_vec()).prop_map(str::to_owned), 1 => any::<String>()]
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        word().prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 60, 6, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            btree_map(word(), inner, 0..6).prop_map(|table| table.into_iter().collect()),
        ]
    })
}

/// A limit that is right but for what chance puts in place of a field.
fn near_limit() -> impl Strategy<Value = Value> {
    (btree_map(word(), any_json(), 0..3), word(), any::<bool>()).prop_map(|(spoilt, key, spoil)| {
        let mut limit =
            json!({ "name": "a", "per": ["org"], "rate": "1/s", "override": { key: { "burst": 2 } } });
        if let (true, Some(limit)) = (spoil, limit.as_object_mut()) {
            limit.extend(spoilt);
        }
        limit
    })
}

/// An adapter that is right but for what chance puts in place of a field.
fn near_adapter() -> impl Strategy<Value = Value> {
    btree_map(word(), any_json(), 0..3).prop_map(|spoilt| {
        let mut adapter = json!({ "extends": "generic", "wait": [{ "header": "a", "as": "seconds" }] });
        if let Some(adapter) = adapter.as_object_mut() {
            adapter.extend(spoilt);
        }
        adapter
    })
}

proptest! {
    #[test]
    fn no_text_makes_a_reader_panic(
        text in "\\PC{0,200}|([a-z]+ ?= ?['\"\\[{]?[a-z0-9/]*['\"\\]}]?\n){0,8}",
    ) {
        read(&text);
    }

    #[test]
    fn no_json_makes_a_reader_panic(document in any_json()) {
        read(&document.to_string());
    }

    #[test]
    fn no_limit_makes_a_reader_panic(limits in vec(near_limit(), 0..3)) {
        read(&json!({ "namespace": "n", "limit": limits }).to_string());
    }

    #[test]
    fn no_adapter_makes_a_reader_panic(adapter in near_adapter()) {
        read(&json!({ "namespace": "n", "adapter": adapter }).to_string());
    }

    #[test]
    fn no_regular_expression_makes_a_reader_panic(pattern in "[()a\\d?*+|{}0-9\\[\\]^$.:<>-]{0,40}|\\PC{0,40}") {
        let cost = json!({ "pattern": pattern });
        read(&json!({ "namespace": "n", "adapter": { "extends": "generic", "cost": cost } }).to_string());
    }

    #[test]
    fn no_pattern_makes_a_reader_panic(pattern in "/([*/a.!?{}\\[\\],\\\\-]|\\PC){0,30}") {
        let limit = json!({ "name": "a", "per": [], "rate": "1/s", "when": { "path": pattern } });
        read(&json!({ "namespace": "n", "limit": [limit] }).to_string());
    }
}

#[test]
fn deep_nesting_is_an_error_and_not_an_overflow() {
    for depth in [100, 100_000] {
        read(&"[".repeat(depth));
        read(&format!("{{\"limit\":{}", "[".repeat(depth)));
        read(&format!("limit = {}", "[".repeat(depth)));
        read(&format!("limit = {}", "{a=".repeat(depth)));
        read(&format!("[{}]", vec!["a"; depth].join(".")));
    }
}

/// A mebibyte of the patterns that cost most to compile is refused or taken, but in seconds and not in hours.
#[test]
fn very_many_patterns_have_an_answer() {
    let patterns: Vec<String> = (0..30_000).map(|n| format!("/**/a{n}*/**/*b*{n}")).collect();
    let limit = json!({ "name": "a", "per": [], "rate": "1/s", "when": { "path": patterns } });
    let text = json!({ "namespace": "n", "limit": [limit] }).to_string();
    assert!(text.len() < 1 << 20, "{}", text.len());
    let error = Policy::from_json(&text).unwrap_err();
    assert!(error.to_string().ends_with("expected fewer or simpler path patterns"), "{error}");
}
