//! Answers that nobody meant: whatever comes, it is read, and no wait is longer than the longest.

use super::*;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

/// What holds for whatever an adapter makes of an answer.
fn check(name: &str, reading: &Reading) {
    if let Some(throttled) = &reading.throttled {
        assert!(throttled.wait.duration <= WAIT_MAX, "{name}: {throttled:?}");
        assert!(throttled.limit.as_ref().is_none_or(|limit| is_name(&limit.name)), "{name}: {throttled:?}");
    }
    assert!(reading.quotas.len() <= 32, "{name}: {} quotas", reading.quotas.len());
    for quota in &reading.quotas {
        assert!(quota.resets_in.is_none_or(|time| time <= WAIT_MAX), "{name}: {quota:?}");
        assert!(
            quota.window.is_none_or(|time| time <= Duration::from_secs(366 * 86_400)),
            "{name}: {quota:?}"
        );
        let figures = [quota.limit, quota.remaining, quota.used];
        assert!(quota.resets_in.is_some() || figures.iter().any(Option::is_some), "{name}: {quota:?}");
        let names = [&quota.name, &quota.key];
        assert!(names.into_iter().flatten().all(|name| is_name(name)), "{name}: {quota:?}");
    }
}

fn is_name(name: &str) -> bool {
    (1..=256).contains(&name.len()) && !name.chars().any(char::is_control)
}

/// Every adapter, and one that looks for everything everywhere.
fn adapters() -> Vec<Arc<Adapter>> {
    let everything = described(
        r"
        [adapter]
        throttled = [{ status = [200, 403, 429], when = { pattern = '(?s).*' } }]
        backoff = [{ wait = '31d' }]
        wait = [
            { body = '/*/*', as = 'milliseconds' },
            { pattern = '(\d+)', as = 'epoch-milliseconds' },
            { refill = { wanted = { pattern = 'q=(\S+)' }, available = { header = 'age' }, per_second = { header = 'date' } } },
        ]
        limit = { name = [{ body = '/limit/*' }, { pattern = '(?s)(.*)' }], value = { body = '/limit/value' } }
        cost = { body = '/*' }
        [[adapter.quota]]
        name_from = { pattern = '(.+)' }
        limit = { pattern = '(\d+)' }
        used = { pattern = '(\S+)$' }
        per_second = { header = 'retry-after' }
        ",
    );
    Adapter::built_in_names().map(built_in).chain([everything]).collect()
}

fn check_all(answer: &Answer<'_>) {
    for adapter in adapters() {
        check(adapter.name(), &adapter.read(answer));
    }
}

/// The names of fields that adapters look at.
fn field() -> impl Strategy<Value = &'static str> {
    select(vec![
        "retry-after",
        "date",
        "age",
        "ratelimit",
        "ratelimit-policy",
        "ratelimit-limit",
        "ratelimit-remaining",
        "ratelimit-reset",
        "x-ratelimit-limit",
        "x-ratelimit-remaining",
        "x-ratelimit-used",
        "x-ratelimit-reset",
        "x-ratelimit-resource",
        "x-hubspot-ratelimit-max",
        "x-hubspot-ratelimit-remaining",
        "x-hubspot-ratelimit-interval-milliseconds",
        "sforce-limit-info",
        "x-rate-limit",
        "zendesk-ratelimit-tickets-index",
        "x-shopify-shop-api-call-limit",
    ])
}

/// What nearly is a number.
fn number() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<u64>().prop_map(|number| number.to_string()),
        any::<i64>().prop_map(|number| number.to_string()),
        any::<f64>().prop_map(|number| number.to_string()),
        "[0-9]{0,80}(\\.[0-9]{0,20})?",
        select(vec!["0", "NaN", "inf", "-inf", "0x1f", "1e308", "-0", "٣", "1_000", "18446744073709551616"])
            .prop_map(str::to_owned),
    ]
}

/// A value as a field has it, or nearly so.
fn near_value() -> impl Strategy<Value = String> {
    let date = "(Mon|Fri|Xyz), [0-9]{1,3} (Jan|Feb|Dec) [0-9]{1,5} [0-9]{2}:[0-9]{2}:[0-9]{2} (GMT|UTC)?";
    prop_oneof![
        number(),
        date,
        ("[a-z\"]{0,4}", number(), number())
            .prop_map(|(name, r, t)| format!("\"{name}\";r={r};t={t};pk=:AA==:")),
        ("[a-z\"]{0,4}", number(), number())
            .prop_map(|(name, q, w)| format!("\"{name}\";q={q};w={w}, {q};w={w}")),
        (number(), number()).prop_map(|(used, limit)| format!("api-usage={used}/{limit}")),
        (number(), number()).prop_map(|(used, limit)| format!("{used}/{limit}")),
        (number(), number())
            .prop_map(|(total, resets)| format!("total={total}; remaining=0; resets={resets}")),
        "[ -~]{0,60}",
    ]
}

/// A body as an answer has it, or nearly so.
fn near_body() -> impl Strategy<Value = String> {
    prop_oneof![
        (number(), number(), number()).prop_map(|(wanted, available, rate)| format!(
            r#"{{"errors":[{{"extensions":{{"code":"THROTTLED"}}}}],"extensions":{{"cost":{{"requestedQueryCost":{wanted},
            "actualQueryCost":{wanted},"throttleStatus":{{"maximumAvailable":"{wanted}","currentlyAvailable":{available},
            "restoreRate":{rate}}}}}}}}}"#
        )),
        (number(), "\\PC{0,300}").prop_map(|(wait, key)| serde_json::json!({
            "message": format!("Retry the request in [{wait}] seconds"), "policyName": key,
            "limit": { "namespace": key, "key": wait, "value": wait }, "violated-policies": [key],
        })
        .to_string()),
        "(\\[|\\{\"a\":){0,300}",
        "\\PC{0,200}",
    ]
}

fn status() -> impl Strategy<Value = u16> {
    prop_oneof![3 => select(vec![200, 400, 403, 429, 503]), 1 => any::<u16>()]
}

fn map(fields: impl IntoIterator<Item = (&'static str, Vec<u8>)>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in fields {
        if let Ok(value) = HeaderValue::from_bytes(&value) {
            headers.append(name, value);
        }
    }
    headers
}

proptest! {
    #[test]
    fn no_answer_makes_an_adapter_panic(
        status in status(),
        fields in vec((field(), vec(any::<u8>(), 0..40)), 0..8),
        body in proptest::option::of(vec(any::<u8>(), 0..200)),
        at in any::<u32>(),
    ) {
        let headers = map(fields);
        let received_at = UNIX_EPOCH + Duration::from_secs(u64::from(at));
        check_all(&Answer { status, headers: &headers, body: body.as_deref(), received_at });
    }

    #[test]
    fn no_answer_that_is_nearly_right_makes_an_adapter_panic(
        status in status(),
        fields in vec((field(), near_value()), 0..12),
        body in near_body(),
    ) {
        let headers = map(fields.into_iter().map(|(name, value)| (name, value.into_bytes())));
        check_all(&Answer { status, headers: &headers, body: Some(body.as_bytes()), received_at: now() });
    }
}

/// A clock before 1970 is wrong, and no reason to fail.
#[test]
fn a_clock_before_1970_is_harmless() {
    let headers =
        headers(&[("x-ratelimit-reset", "1800000000"), ("retry-after", "Fri, 15 Jan 2027 08:00:00 GMT")]);
    let received_at = UNIX_EPOCH - Duration::from_secs(86_400);
    check_all(&Answer { status: 429, headers: &headers, body: None, received_at });
}

/// What lies behind the part that is looked at is as if it were not there.
#[test]
fn only_the_beginning_of_a_body_is_looked_at() {
    let genesys = built_in("genesys-cloud");
    let message = "Retry the request in [9] seconds";
    let padded = |bytes: usize| {
        let frame = format!("{{\"message\":\"{message}\",\"details\":\"\"}}").len();
        format!("{{\"message\":\"{message}\",\"details\":\"{}\"}}", "x".repeat(bytes - frame))
    };
    assert_eq!(wait_of(&read(&genesys, 429, &[], &padded(65_536))), told(9));
    assert_eq!(wait_of(&read(&genesys, 429, &[], &padded(65_537))), by_default(3));
    let late = format!("{}invalid_request (rate limit exceeded;", " ".repeat(65_536));
    assert_eq!(read(&genesys, 400, &[], &late).throttled, None);
}

#[test]
fn large_and_deep_bodies_have_an_answer() {
    let bodies = ["[".repeat(1 << 20), "{\"a\":".repeat(1 << 18), "[0,".repeat(1 << 19), "9".repeat(1 << 20)];
    for body in bodies {
        for status in [200, 403, 429] {
            let headers = HeaderMap::new();
            check_all(&Answer { status, headers: &headers, body: Some(body.as_bytes()), received_at: now() });
        }
    }
}

#[test]
fn very_many_and_very_long_fields_have_an_answer() {
    let list = |count: usize| (0..count).map(|n| format!("\"q{n}\";r={n}")).collect::<Vec<_>>().join(",");
    let long = "9".repeat(20_000);
    let mut fields: Vec<(&'static str, Vec<u8>)> = vec![("ratelimit", list(500).into_bytes()); 200];
    fields.extend([("ratelimit-policy", long.clone().into_bytes()), ("retry-after", long.into_bytes())]);
    let headers = map(fields);
    check_all(&Answer { status: 429, headers: &headers, body: None, received_at: now() });
    assert_eq!(
        wait_of(&read(&built_in("generic"), 429, &[("Retry-After", &"9".repeat(9_000))], "")),
        by_default(5)
    );
}
