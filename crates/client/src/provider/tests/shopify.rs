//! Shopify: a leaky bucket told in a header field, and one of points told in the body.

use super::*;
use serde_json::{Value, json};

fn costs(actual: &Value, available: f64) -> Value {
    json!({ "requestedQueryCost": 101, "actualQueryCost": actual, "throttleStatus":
        { "maximumAvailable": 1000.0, "currentlyAvailable": available, "restoreRate": 50.0 } })
}

#[test]
fn rest_tells_of_its_bucket_and_waits_fractions_of_a_second() {
    let rest = built_in("shopify-rest");
    let field = ("X-Shopify-Shop-Api-Call-Limit", "32/40");
    let reading = read(&rest, 200, &[field], "{}");
    let [quota] = reading.quotas.as_slice() else { panic!("{reading:?}") };
    assert_eq!((quota.used, quota.limit, quota.remaining), (Some(32), Some(40), Some(8)));
    assert_eq!(reading.throttled, None);
    for (value, millis) in [("2.0", 2_000), ("0.25", 250), ("2", 2_000)] {
        let reading = read(&rest, 429, &[("Retry-After", value)], "");
        assert_eq!(wait_of(&reading), (Duration::from_millis(millis), WaitSource::Told));
    }
}

#[test]
fn graphql_tells_what_a_query_has_cost_and_what_is_left() {
    let body =
        json!({ "data": { "shop": { "name": "x" } }, "extensions": { "cost": costs(&json!(46), 954.0) } });
    let reading = read(&built_in("shopify-graphql"), 200, &[], &body.to_string());
    assert_eq!((&reading.throttled, reading.cost), (&None, Some(46)));
    let [quota] = reading.quotas.as_slice() else { panic!("{reading:?}") };
    assert_eq!((quota.limit, quota.remaining), (Some(1_000), Some(954)));
    assert_eq!(quota.resets_in, Some(Duration::from_millis(920)), "46 points at 50 a second");
    assert_eq!(quota.window, seconds(20));
}

#[test]
fn graphql_throttles_with_200_until_the_bucket_holds_what_was_asked_for() {
    let throttled = |costs: &Value| {
        json!({ "errors": [{ "message": "Throttled", "extensions": { "code": "THROTTLED" } }],
            "extensions": { "cost": costs } })
    };
    let graphql = built_in("shopify-graphql");
    let reading = read(&graphql, 200, &[], &throttled(&costs(&Value::Null, 51.0)).to_string());
    assert_eq!((wait_of(&reading), reading.cost), (told(1), None));
    let body = throttled(&json!({})).to_string();
    assert_eq!(wait_of(&read(&graphql, 200, &[], &body)), by_default(1));
}

#[test]
fn other_errors_of_graphql_are_not_throttled() {
    for code in ["ACCESS_DENIED", "MAX_COST_EXCEEDED", "throttled"] {
        let body = json!({ "errors": [{ "message": "THROTTLED", "extensions": { "code": code } }] });
        let reading = read(&built_in("shopify-graphql"), 200, &[], &body.to_string());
        assert_eq!(reading, Reading::default(), "{code}");
    }
}

/// The costs stand behind the data, of which there can be much.
#[test]
fn graphql_is_understood_behind_half_a_mebibyte_of_data() {
    let data = "x".repeat(1 << 19);
    let body = json!({ "data": data, "extensions": { "cost": costs(&json!(46), 954.0) } }).to_string();
    assert_eq!(read(&built_in("shopify-graphql"), 200, &[], &body).cost, Some(46));
}
