//! The answers of each provider: on success, and when a limit refuses.

use serde_json::{Value, json};
use tollgate_simulator::{Answer, Arrival, Time};

use super::settings::provider;

/// One call that is done at 10 s and one that is refused at 12.25 s, by a limit of one call in a minute.
fn answers(shape: &str, throttle: &str, limit: &str) -> (Answer, Answer) {
    let mut provider = provider(&format!(
        "shape = '{shape}'\n[[limit]]\nname = 'core/rate.per.minute'\nper = ['org']\nkind = 'fixed-window'\nvalue = 1\n\
         window = '60s'\n{limit}\n[throttle]\n{throttle}"
    ));
    let call = Arrival::get("/x").org("acme");
    let [done, refused] = [10_000_000, 12_250_000].map(|us| provider.arrive(Time::from_micros(us), &call));
    (done.answer.expect("an answer"), refused.answer.expect("an answer"))
}

fn body(answer: &Answer) -> Value {
    serde_json::from_str(&answer.body).expect("JSON")
}

/// Whether the answer has these header fields, which are given as `name: value`.
fn has(answer: &Answer, fields: &[&str]) {
    for field in fields {
        let (name, value) = field.split_once(": ").expect("a field");
        assert_eq!(answer.header(name), Some(value), "{name} of {answer:?}");
    }
}

#[test]
fn genesys_cloud_tells_nothing_on_success_and_everything_on_refusal() {
    let (done, refused) = answers("genesys-cloud", "", "");
    assert_eq!((done.status, done.headers.len()), (200, 1), "{done:?}");
    assert_eq!(refused.status, 429);
    // 57.75 s are left of the window.
    has(&refused, &["Retry-After: 58"]);
    let correlation = refused.header("ININ-Correlation-Id").expect("a correlation id");
    let expected = json!({
        "message": "Rate limit exceeded the maximum. Retry the request in [58] seconds",
        "code": "too.many.requests.retry.after",
        "status": 429,
        "contextId": correlation,
        "details": [],
        "errors": [],
        "limit": {"key": "rate.per.minute", "namespace": "core", "value": 1},
    });
    assert_eq!(body(&refused), expected);
}

#[test]
fn genesys_cloud_may_leave_out_the_header_and_the_limit() {
    let (_, refused) =
        answers("genesys-cloud", "retry_after = 'missing'\ncode = 'too.many.requests'", "said = false");
    assert_eq!(refused.header("retry-after"), None);
    let body = body(&refused);
    assert_eq!((&body["limit"], &body["code"]), (&Value::Null, &json!("too.many.requests")));
    assert!(body["message"].as_str().is_some_and(|message| message.ends_with("in [58] seconds")), "{body}");
}

#[test]
fn the_draft_of_the_ietf_has_structured_fields_and_a_problem_type() {
    let (done, refused) = answers("ietf", "", "");
    has(
        &done,
        &["RateLimit-Policy: \"rate.per.minute\";q=1;w=60", "RateLimit: \"rate.per.minute\";r=0;t=60"],
    );
    has(&refused, &["RateLimit: \"rate.per.minute\";r=0;t=58", "Retry-After: 58"]);
    let kind = body(&refused)["type"].clone();
    assert_eq!(
        (refused.status, kind),
        (429, json!("https://iana.org/assignments/http-problem-types#quota-exceeded"))
    );
    let (_, refused) = answers("ietf", "status = 503", "");
    assert_eq!(refused.status, 503);
    assert!(refused.body.contains("temporary-reduced-capacity"), "{refused:?}");
}

/// 1767225600 is the first second of 2026, when a provider in virtual time starts; its window ends 70 s later.
#[test]
fn the_reset_of_x_ratelimit_has_three_units() {
    for (unit, at_once, later) in [
        ("epoch-seconds", "1767225670", "1767225670"),
        ("delta-seconds", "60", "58"),
        ("delta-milliseconds", "60000", "57750"),
    ] {
        let (done, refused) = answers("x-ratelimit", &format!("reset = '{unit}'"), "");
        let reset = |value: &str| format!("X-RateLimit-Reset: {value}");
        has(&done, &["X-RateLimit-Limit: 1", "X-RateLimit-Remaining: 0", &reset(at_once)]);
        has(&refused, &[&reset(later)]);
        assert_eq!(refused.status, 429);
    }
}

#[test]
fn github_refuses_with_403_or_429_and_tells_only_the_wait_of_its_secondary_limits() {
    let (done, refused) = answers("github", "", "");
    let fields =
        ["x-ratelimit-limit: 1", "x-ratelimit-remaining: 0", "x-ratelimit-resource: rate.per.minute"];
    has(&done, &fields);
    has(&refused, &fields);
    has(&refused, &["x-ratelimit-used: 1", "x-ratelimit-reset: 1767225670"]);
    assert_eq!((refused.status, refused.header("retry-after")), (403, None));
    let (done, refused) = answers("github", "status = 429", "said = false");
    assert_eq!((done.headers.len(), refused.status), (0, 429));
    has(&refused, &["retry-after: 58"]);
    assert!(refused.body.contains("secondary"), "{refused:?}");
}

#[test]
fn hubspot_counts_by_the_interval_and_by_the_day() {
    let (done, refused) = answers("hubspot", "", "");
    has(&done, &["X-HubSpot-RateLimit-Max: 1", "X-HubSpot-RateLimit-Interval-Milliseconds: 60000"]);
    assert_eq!((refused.status, &body(&refused)["policyName"]), (429, &json!("TEN_SECONDLY_ROLLING")));
    let mut daily = provider(
        "shape = 'hubspot'\n[[limit]]\nname = 'a/b'\nper = []\nkind = 'fixed-window'\nvalue = 2\nwindow = '1d'",
    );
    let done = daily.arrive(Time::START, &Arrival::get("/x")).answer.expect("an answer");
    has(&done, &["X-HubSpot-RateLimit-Daily: 2", "X-HubSpot-RateLimit-Daily-Remaining: 1"]);
}

#[test]
fn salesforce_zendesk_and_slack_have_fields_of_their_own() {
    let (done, refused) = answers("salesforce", "", "");
    has(&done, &["Sforce-Limit-Info: api-usage=1/1"]);
    assert_eq!((refused.status, &body(&refused)[0]["errorCode"]), (403, &json!("REQUEST_LIMIT_EXCEEDED")));
    let (done, refused) = answers("zendesk", "", "");
    has(&done, &["X-Rate-Limit: 1", "zendesk-ratelimit-tickets-index: total=1; remaining=0; resets=60"]);
    has(&refused, &["Retry-After: 58", "X-Rate-Limit-Remaining: 0"]);
    let (done, refused) = answers("slack", "", "");
    assert_eq!((done.headers.len(), refused.status), (0, 429));
    has(&refused, &["Retry-After: 58"]);
}

#[test]
fn shopify_tells_fractions_and_throttles_graphql_with_200() {
    let (done, refused) = answers("shopify-rest", "", "");
    has(&done, &["X-Shopify-Shop-Api-Call-Limit: 1/1"]);
    has(&refused, &["Retry-After: 57.8"]);
    assert_eq!(refused.status, 429);
    let (done, refused) = answers("shopify-graphql", "", "");
    assert_eq!((done.status, refused.status), (200, 200));
    let cost = &body(&done)["extensions"]["cost"];
    assert_eq!((&cost["requestedQueryCost"], &cost["actualQueryCost"]), (&json!(1), &json!(1)));
    assert_eq!(cost["throttleStatus"]["maximumAvailable"], json!(1));
    let body = body(&refused);
    assert_eq!(body["errors"][0]["extensions"]["code"], json!("THROTTLED"));
    assert_eq!(body["extensions"]["cost"]["throttleStatus"]["currentlyAvailable"], json!(0));
}
