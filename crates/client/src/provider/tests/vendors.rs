//! Providers with header fields of their own: answers as they document them.

use super::*;

const NOT_PERMITTED: &str = r#"{"message":"Resource not accessible by integration"}"#;

fn github(remaining: &'static str) -> Vec<(&'static str, &'static str)> {
    vec![
        ("X-RateLimit-Limit", "5000"),
        ("X-RateLimit-Remaining", remaining),
        ("X-RateLimit-Used", "12"),
        ("X-RateLimit-Reset", "1800001800"),
        ("X-RateLimit-Resource", "core"),
    ]
}

#[test]
fn github_tells_of_its_bucket_with_every_answer() {
    let reading = read(&built_in("github"), 200, &github("4988"), "[]");
    assert_eq!(reading.throttled, None);
    let [quota] = reading.quotas.as_slice() else { panic!("{reading:?}") };
    assert_eq!(quota.name.as_deref(), Some("core"));
    assert_eq!((quota.limit, quota.remaining, quota.used), (Some(5_000), Some(4_988), Some(12)));
    assert_eq!(quota.resets_in, seconds(1_800));
}

#[test]
fn github_throttles_with_403_or_429_until_the_reset() {
    for status in [403, 429] {
        let reading = read(&built_in("github"), status, &github("0"), NOT_PERMITTED);
        assert_eq!(wait_of(&reading), told(1_800));
        assert_eq!(limit_of(&reading), Some(("core", Some(5_000))));
    }
}

/// Of a secondary limit the fields say nothing: they are about the primary one, of which there is plenty.
#[test]
fn secondary_limits_of_github_do_not_wait_for_the_reset_of_the_primary_one() {
    let github_adapter = built_in("github");
    let body = r#"{"message":"You have exceeded a secondary rate limit. Please wait"}"#;
    let reading = read(&github_adapter, 403, &github("4000"), body);
    assert_eq!((wait_of(&reading), limit_of(&reading)), (by_default(60), None));
    let mut fields = github("4000");
    fields.push(("Retry-After", "90"));
    assert_eq!(wait_of(&read(&github_adapter, 403, &fields, "")), told(90));
}

#[test]
fn what_is_not_permitted_is_not_throttled() {
    assert_eq!(read(&built_in("github"), 403, &github("4000"), NOT_PERMITTED).throttled, None);
    let body = r#"[{"message":"no access","errorCode":"INSUFFICIENT_ACCESS"}]"#;
    let fields = [("Sforce-Limit-Info", "api-usage=10018/100000")];
    assert_eq!(read(&built_in("salesforce"), 403, &fields, body).throttled, None);
}

#[test]
fn salesforce_throttles_with_403_and_an_error_code() {
    let fields = [("Sforce-Limit-Info", "api-usage=100000/100000")];
    let json = r#"[{"message":"TotalRequests Limit exceeded.","errorCode":"REQUEST_LIMIT_EXCEEDED"}]"#;
    let xml = "<Errors><Error><errorCode>REQUEST_LIMIT_EXCEEDED</errorCode></Error></Errors>";
    for body in [json, xml] {
        let reading = read(&built_in("salesforce"), 403, &fields, body);
        assert_eq!(wait_of(&reading), by_default(60), "{body}");
        assert!(reading.quotas[0].is_used_up());
    }
}

#[test]
fn salesforce_tells_what_is_used_of_the_day() {
    let both = "per-app-api-usage=17/250(appName=sample-app); api-usage=10018/100000";
    for value in ["api-usage=10018/100000", both] {
        let reading = read(&built_in("salesforce"), 200, &[("Sforce-Limit-Info", value)], "{}");
        let [quota] = reading.quotas.as_slice() else { panic!("{reading:?}") };
        assert_eq!(
            (quota.used, quota.limit, quota.remaining),
            (Some(10_018), Some(100_000), Some(89_982)),
            "{value}"
        );
        assert_eq!((quota.name.as_deref(), quota.window), (Some("api-usage"), seconds(86_400)));
    }
}

const HUBSPOT: [(&str, &str); 5] = [
    ("X-HubSpot-RateLimit-Max", "100"),
    ("X-HubSpot-RateLimit-Remaining", "98"),
    ("X-HubSpot-RateLimit-Interval-Milliseconds", "10000"),
    ("X-HubSpot-RateLimit-Daily", "250000"),
    ("X-HubSpot-RateLimit-Daily-Remaining", "249000"),
];

#[test]
fn hubspot_tells_of_two_quotas() {
    let quotas = read(&built_in("hubspot"), 200, &HUBSPOT, "{}").quotas;
    let figures: Vec<_> = quotas.iter().map(|q| (q.limit, q.remaining, q.window)).collect();
    let expected = [(Some(100), Some(98), seconds(10)), (Some(250_000), Some(249_000), seconds(86_400))];
    assert_eq!(figures, expected);
}

#[test]
fn hubspot_names_the_limit_and_only_the_short_one_is_over_after_its_window() {
    let body =
        |policy: &str| format!(r#"{{"status":"error","errorType":"RATE_LIMIT","policyName":"{policy}"}}"#);
    for (policy, wait) in [("TEN_SECONDLY_ROLLING", told(10)), ("DAILY", by_default(10))] {
        let reading = read(&built_in("hubspot"), 429, &HUBSPOT, &body(policy));
        assert_eq!((wait_of(&reading), limit_of(&reading)), (wait, Some((policy, None))));
        assert!(reading.quotas.iter().any(|quota| quota.name.as_deref() == Some(policy)), "{policy}");
    }
}

#[test]
fn zendesk_tells_of_the_account_and_of_the_endpoint() {
    let fields = [
        ("X-Rate-Limit", "700"),
        ("X-Rate-Limit-Remaining", "699"),
        ("Zendesk-RateLimit-Tickets-Index", "total=100; remaining=99; resets=41"),
    ];
    let zendesk = built_in("zendesk");
    let quotas = read(&zendesk, 200, &fields, "{}").quotas;
    let figures: Vec<_> =
        quotas.iter().map(|q| (q.name.as_deref(), q.limit, q.remaining, q.resets_in)).collect();
    let expected = [
        (Some("account"), Some(700), Some(699), None),
        (Some("tickets-index"), Some(100), Some(99), seconds(41)),
    ];
    assert_eq!(figures, expected);
    assert_eq!(wait_of(&read(&zendesk, 429, &[("Retry-After", "93")], "")), told(93));
    let used_up = [("zendesk-ratelimit-tickets-index", "total=100; remaining=0; resets=41")];
    assert_eq!(wait_of(&read(&zendesk, 429, &used_up, "")), told(41));
}

#[test]
fn slack_tells_only_how_long_to_wait() {
    let slack = built_in("slack");
    let body = r#"{"ok":false,"error":"ratelimited"}"#;
    assert_eq!(wait_of(&read(&slack, 429, &[("Retry-After", "30")], body)), told(30));
    assert_eq!(wait_of(&read(&slack, 429, &[], body)), by_default(30));
    assert_eq!(read(&slack, 200, &[], r#"{"ok":true}"#), Reading::default());
}
