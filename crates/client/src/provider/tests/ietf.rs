//! The fields of the IETF drafts, in their present form and in older ones.

use super::*;

fn quotas(fields: &[(&str, &str)]) -> Vec<QuotaReading> {
    read(&built_in("ietf"), 200, fields, "").quotas
}

#[test]
fn what_is_left_and_what_is_allowed_are_told_together() {
    let quotas = quotas(&[
        ("RateLimit-Policy", r#""burst";q=100;w=60, "daily";q=1000;w=86400"#),
        ("RateLimit", r#""burst";r=50;t=30"#),
    ]);
    let [burst, daily] = quotas.as_slice() else { panic!("{quotas:?}") };
    assert_eq!((burst.name.as_deref(), burst.limit, burst.remaining), (Some("burst"), Some(100), Some(50)));
    assert_eq!((burst.resets_in, burst.window), (seconds(30), seconds(60)));
    assert_eq!((daily.name.as_deref(), daily.limit, daily.remaining), (Some("daily"), Some(1_000), None));
}

#[test]
fn a_field_in_several_lines_is_one_list() {
    let quotas = quotas(&[("RateLimit", r#""a";r=1"#), ("RateLimit", r#""b";r=2"#)]);
    assert_eq!(quotas.iter().map(|quota| quota.remaining).collect::<Vec<_>>(), [Some(1), Some(2)]);
}

#[test]
fn partition_keys_are_told_apart() {
    let quotas = quotas(&[
        ("RateLimit-Policy", r#""p";q=9;w=1;pk=:YWNtZQ==:, "p";q=8;w=1;pk=:/w==:"#),
        ("RateLimit", r#""p";r=3;pk=:/w==:"#),
    ]);
    let told: Vec<_> = quotas.iter().map(|q| (q.key.as_deref(), q.limit, q.remaining)).collect();
    assert_eq!(told, [(Some("/w=="), Some(8), Some(3)), (Some("acme"), Some(9), None)]);
}

#[test]
fn older_drafts_are_understood() {
    let rows: [&[(&str, &str)]; 3] = [
        &[("RateLimit-Limit", "100"), ("RateLimit-Remaining", "50"), ("RateLimit-Reset", "30")],
        &[("RateLimit-Limit", "100, 100;w=60"), ("RateLimit-Remaining", "50"), ("RateLimit-Reset", "30")],
        &[("RateLimit", "limit=100, remaining=50, reset=30")],
    ];
    for fields in rows {
        let quotas = quotas(fields);
        let told: Vec<_> = quotas.iter().map(|q| (q.limit, q.remaining, q.resets_in)).collect();
        assert_eq!(told, [(Some(100), Some(50), seconds(30))], "{fields:?}");
    }
    assert_eq!(quotas(&[("RateLimit-Policy", "10;w=1, 50;w=60")])[1].window, seconds(60));
}

#[test]
fn malformed_fields_are_ignored() {
    let rows = [
        r#""a";r=-1"#,
        r#""a";r=1.5"#,
        r#""a";r="1""#,
        r#""a";t=5"#,
        r#""a";r=1 "#,
        r#""a";r=99999999999999999999"#,
        r#""a;r=1"#,
        r#"("a" "b");r=1"#,
        "?1;r=1",
        "-5;r=1",
        "",
        ",,",
        "\t",
    ];
    for value in rows {
        let told = quotas(&[("RateLimit", value), ("RateLimit-Policy", "\"a\";q=x;w=-1")]);
        let is_trimmed = value.ends_with(' ');
        assert_eq!(told.len(), usize::from(is_trimmed), "{value:?}: {told:?}");
    }
    let told = quotas(&[("RateLimit", r#""a";r=1;t=-5, "b";x=1"#)]);
    assert_eq!((told.len(), told[0].resets_in), (1, None), "the item without r goes, the wrong t too");
}

#[test]
fn retry_after_wins_and_else_it_is_the_quota_that_is_used_up() {
    let ietf = built_in("ietf");
    let fields = [("RateLimit", r#""a";r=0;t=30, "b";r=5;t=99, "c";r=0;t=40"#)];
    assert_eq!(wait_of(&read(&ietf, 429, &fields, "")), told(40));
    let both = [fields[0], ("Retry-After", "3")];
    assert_eq!(wait_of(&read(&ietf, 429, &both, "")), told(3));
    assert_eq!(wait_of(&read(&ietf, 429, &[("RateLimit", r#""a";r=5;t=30"#)], "")), by_default(5));
}

#[test]
fn problems_tell_that_and_by_what_a_call_was_throttled() {
    let ietf = built_in("ietf");
    let problem = |name: &str| {
        format!(
            r#"{{"type":"https://iana.org/assignments/http-problem-types#{name}",
        "violated-policies":["daily","bandwidth"]}}"#
        )
    };
    for name in ["quota-exceeded", "temporary-reduced-capacity", "abnormal-usage-detected"] {
        let reading = read(&ietf, 503, &[], &problem(name));
        assert_eq!(limit_of(&reading), Some(("daily", None)));
        assert_eq!(reading.throttled.unwrap().execution, Execution::NotExecuted);
    }
    assert_eq!(read(&ietf, 503, &[], &problem("other")).throttled, None);
    let reading = read(&ietf, 503, &[("Retry-After", "9")], &problem("other"));
    assert_eq!(reading.throttled.unwrap().execution, Execution::Unknown);
}
