//! Genesys Cloud: answers as they were seen.

use super::*;

const NAMED: &str = r#"{"message":"Rate limit exceeded the maximum. Retry the request in [42] seconds",
    "code":"too.many.requests.retry.after","status":429,"contextId":"5f3c","details":[],"errors":[],
    "limit":{"key":"user.rate.per.minute","namespace":"directory","value":180}}"#;
const UNNAMED: &str = r#"{"message":"Rate limit exceeded the maximum. Retry the request in [7] seconds",
    "code":"too.many.requests","status":429,"contextId":"5f3c","details":[],"errors":[]}"#;

#[test]
fn a_429_tells_the_wait_and_the_limit() {
    let reading = read(&built_in("genesys-cloud"), 429, &[("Retry-After", "41")], NAMED);
    assert_eq!(wait_of(&reading), told(41), "the header wins over the message");
    assert_eq!(limit_of(&reading), Some(("directory/user.rate.per.minute", Some(180))));
    assert_eq!(reading.throttled.unwrap().execution, Execution::NotExecuted);
}

#[test]
fn without_the_header_the_message_tells_the_wait() {
    let genesys = built_in("genesys-cloud");
    assert_eq!(wait_of(&read(&genesys, 429, &[], NAMED)), told(42));
    let reading = read(&genesys, 429, &[], UNNAMED);
    assert_eq!((wait_of(&reading), limit_of(&reading)), (told(7), None));
}

#[test]
fn a_limit_without_its_namespace_is_not_named() {
    let body = r#"{"limit":{"key":"user.rate.per.minute","value":180}}"#;
    assert_eq!(limit_of(&read(&built_in("genesys-cloud"), 429, &[("Retry-After", "1")], body)), None);
}

#[test]
fn a_wait_of_hours_comes_out_exact() {
    let reading = read(&built_in("genesys-cloud"), 429, &[("Retry-After", "82801")], NAMED);
    assert_eq!(wait_of(&reading), told(82_801));
}

#[test]
fn where_nothing_tells_the_wait_it_grows_as_the_vendor_advises() {
    let genesys = built_in("genesys-cloud");
    for body in ["", "<html>429</html>", r#"{"message":"slow down"}"#] {
        assert_eq!(wait_of(&read(&genesys, 429, &[], body)), by_default(3), "{body}");
    }
    for (throttled_for, wait) in [(0, 3), (299, 3), (300, 9), (599, 9), (600, 27), (86_400, 27)] {
        assert_eq!(
            genesys.default_wait(Duration::from_secs(throttled_for)),
            Duration::from_secs(wait),
            "after {throttled_for} s"
        );
    }
}

#[test]
fn the_token_endpoint_throttles_with_400() {
    let genesys = built_in("genesys-cloud");
    let throttled = "invalid_request (rate limit exceeded; retry later)";
    assert_eq!(wait_of(&read(&genesys, 400, &[], throttled)), by_default(3));
    assert_eq!(wait_of(&read(&genesys, 400, &[("Retry-After", "20")], throttled)), told(20));
    let wrong = r#"{"error":"invalid_request","description":"grant_type is missing"}"#;
    assert_eq!(read(&genesys, 400, &[("Retry-After", "20")], wrong), Reading::default());
}

#[test]
fn successful_answers_say_nothing_of_limits() {
    let genesys = built_in("genesys-cloud");
    let fields = [("ININ-Correlation-Id", "5f3c"), ("Content-Type", "application/json")];
    assert_eq!(read(&genesys, 200, &fields, r#"{"entities":[]}"#), Reading::default());
    for status in [401, 403, 404, 500, 502, 503, 504] {
        assert_eq!(read(&genesys, status, &[("Retry-After", "9")], NAMED).throttled, None, "{status}");
    }
}

#[test]
fn only_bodies_that_can_tell_something_are_wanted() {
    let genesys = built_in("genesys-cloud");
    assert_eq!([429, 400, 200, 500].map(|status| genesys.body_bytes(status)), [65_536, 65_536, 0, 0]);
    assert_eq!(built_in("slack").body_bytes(429), 0);
    assert_eq!(built_in("shopify-graphql").body_bytes(200), 1 << 20);
}
