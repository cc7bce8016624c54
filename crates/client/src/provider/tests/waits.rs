//! Waits: where they come from, in order, and how points in time become times from now on.

use super::*;

const DATE: (&str, &str) = ("Date", "Fri, 15 Jan 2027 07:00:00 GMT");

fn generic(fields: &[(&str, &str)]) -> (Duration, WaitSource) {
    wait_of(&read(&built_in("generic"), 429, fields, ""))
}

#[test]
fn the_sources_of_a_wait_are_tried_in_order() {
    let mut fields = vec![("Retry-After", "1"), ("X-RateLimit-Reset", "4"), ("X-RateLimit-Remaining", "0")];
    assert_eq!(generic(&fields), told(1));
    fields.remove(0);
    assert_eq!(generic(&fields), told(4), "of the quota that is used up");
    fields.pop();
    assert_eq!(generic(&fields), told(4), "of the quota of which nobody says that something is left");
    fields.pop();
    assert_eq!(generic(&fields), by_default(5));
}

/// What has something left has not refused the call: another limit has, of which nothing is told.
#[test]
fn the_reset_of_a_quota_that_has_something_left_is_not_waited_for() {
    let left = [("X-RateLimit-Remaining", "50"), ("X-RateLimit-Reset", "3600")];
    assert_eq!(generic(&left), by_default(5));
    assert_eq!(generic(&[left[0], left[1], ("RateLimit-Reset", "9")]), told(9));
}

#[test]
fn retry_after_is_a_number_of_seconds_or_a_date() {
    #[rustfmt::skip]
    let rows = [
        ("0", told(0)),
        ("60", told(60)),
        (" 60 ", told(60)),
        ("7200", told(7_200)),
        ("2.5", (Duration::from_millis(2_500), WaitSource::Told)),
        ("Fri, 15 Jan 2027 08:01:30 GMT", told(90)),
        ("Friday, 15-Jan-27 08:01:30 GMT", told(90)),
        ("Fri Jan 15 08:01:30 2027", told(90)),
        ("Thu, 14 Jan 2027 08:00:00 GMT", told(0)),
        ("2678400", told(31 * 86_400)),
        ("2678401", told(31 * 86_400)),
        ("99999999999999999999999", told(31 * 86_400)),
        ("Fri, 15 Jan 2038 08:00:00 GMT", told(31 * 86_400)),
        ("", by_default(5)),
        ("-1", by_default(5)),
        ("1e9", by_default(5)),
        ("0x20", by_default(5)),
        ("inf", by_default(5)),
        ("NaN", by_default(5)),
        ("soon", by_default(5)),
        ("Fri, 45 Jan 2027 08:00:00 GMT", by_default(5)),
        ("2027-01-15T08:01:30Z", by_default(5)),
    ];
    for (value, wait) in rows {
        assert_eq!(generic(&[("Retry-After", value)]), wait, "{value:?}");
    }
}

/// This replica's clock is an hour ahead of the provider's, which is told by the `Date` field.
#[test]
fn points_in_time_are_counted_from_the_date_of_the_answer() {
    assert_eq!(generic(&[DATE, ("Retry-After", "Fri, 15 Jan 2027 07:00:20 GMT")]), told(20));
    let reset = ("X-RateLimit-Reset", "1799996420");
    assert_eq!(generic(&[DATE, reset]), told(20));
    assert_eq!(generic(&[reset]), told(0), "by the clock of this process it has passed");
    assert_eq!(generic(&[("Date", "yesterday"), reset]), told(0), "a malformed date is none");
    assert_eq!(generic(&[DATE, ("Retry-After", "20")]), told(20), "a length does not depend on the date");
}

#[test]
fn resets_are_told_in_whatever_unit_by_the_size_of_the_number() {
    for (value, wait) in [
        ("30", 30),
        ("86400", 86_400),
        ("1800000045", 45),
        ("1800000045000", 45),
        ("1800000045000000", 31 * 86_400),
    ] {
        assert_eq!(generic(&[("X-RateLimit-Reset", value)]), told(wait), "{value}");
    }
}

#[test]
fn of_several_fields_the_first_that_makes_sense_counts() {
    assert_eq!(generic(&[("Retry-After", "soon"), ("Retry-After", "9"), ("Retry-After", "5")]), told(9));
}

#[test]
fn a_503_is_throttled_if_it_tells_when_to_come_back() {
    let generic = built_in("generic");
    assert_eq!(read(&generic, 503, &[], "").throttled, None);
    let reading = read(&generic, 503, &[("Retry-After", "120")], "");
    assert_eq!(wait_of(&reading), told(120));
    assert_eq!(reading.throttled.unwrap().execution, Execution::Unknown);
}

#[test]
fn each_unit_is_read_as_it_is_named() {
    let rows = [
        ("retry-after", "1.5", 1_500),
        ("seconds", "1.5", 1_500),
        ("milliseconds", "1500", 1_500),
        ("epoch-seconds", "1800000001.5", 1_500),
        ("epoch-milliseconds", "1800000001500", 1_500),
        ("guess", "1.5", 1_500),
    ];
    for (unit, value, millis) in rows {
        let adapter = described(&format!(
            "[adapter]\nthrottled = [{{ status = [429] }}]\nbackoff = [{{ wait = '7s' }}]\n\
             wait = [{{ header = 'x', as = '{unit}' }}, {{ body = '/a/0', as = '{unit}' }}, \
             {{ pattern = 'after (\\S+) units', as = '{unit}' }}]"
        ));
        let expected = (Duration::from_millis(millis), WaitSource::Told);
        assert_eq!(wait_of(&read(&adapter, 429, &[("x", value)], "")), expected, "{unit}");
        let bodies = [
            format!("{{\"a\":[{value}]}}"),
            format!("{{\"a\":[\"{value}\"]}}"),
            format!("after {value} units"),
        ];
        for body in bodies {
            assert_eq!(wait_of(&read(&adapter, 429, &[], &body)), expected, "{unit}: {body}");
        }
        assert_eq!(wait_of(&read(&adapter, 429, &[], "after units")), by_default(7));
    }
}
