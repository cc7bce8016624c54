//! Policies that name an adapter or describe one: what they come to, and what is refused.

use super::*;
use crate::Problem;

/// A right adapter, for rows that spoil one thing.
const RIGHT: &str = "[adapter]\nextends = 'generic'\n";

fn problem_of(text: &str) -> Problem {
    let error = Policy::from_toml(text).expect_err(text);
    let [problem] = error.problems() else { panic!("{text}\nhas several problems: {error}") };
    problem.clone()
}

fn assert_refused(text: &str, field: &str, words: &str) {
    let problem = problem_of(text);
    assert_eq!(problem.field, field, "in {text}\n{problem}");
    let said = problem.to_string();
    assert!(said.contains(words), "expected {words:?} in {said:?}, of {text}");
}

#[test]
fn a_policy_names_its_adapter_or_has_the_generic_one() {
    assert_eq!(described("").name(), "generic");
    assert_eq!(described("provider = 'genesys-cloud'").name(), "genesys-cloud");
    assert_eq!(described(RIGHT).name(), "custom");
    assert_eq!(described(&format!("provider = 'acme'\n{RIGHT}")).name(), "acme");
}

#[test]
fn a_name_that_is_not_known_is_refused_with_the_list_of_names() {
    assert_refused(
        "namespace = 'n'\nprovider = 'genesys'",
        "provider",
        "\"genesys\", expected one of generic, ietf, genesys-cloud, github, hubspot, salesforce, \
         shopify-graphql, shopify-rest, slack, zendesk, or an [adapter]",
    );
    assert_refused(
        "namespace = 'n'\nadapter.extends = 'x'",
        "adapter.extends",
        "\"x\", expected one of generic,",
    );
    assert_refused(
        &format!("namespace = 'n'\nprovider = 'slack'\n{RIGHT}"),
        "provider",
        "expected another name beside an [adapter]",
    );
    assert_refused(
        &format!("namespace = 'n'\nprovider = 'A'\n{RIGHT}"),
        "provider",
        "expected 1 to 64 of a-z",
    );
}

#[test]
fn an_extension_keeps_what_it_does_not_say() {
    let adapter = described(
        "[adapter]\nextends = 'github'\nbackoff = [{ wait = '2m' }]\n\
         throttled = [{ status = [420], executed = 'unknown' }]",
    );
    let fields = [("x-ratelimit-resource", "core"), ("x-ratelimit-remaining", "0")];
    let reading = read(&adapter, 420, &fields, "");
    assert_eq!((wait_of(&reading), limit_of(&reading)), (by_default(120), Some(("core", None))));
    assert_eq!(reading.throttled.unwrap().execution, Execution::Unknown);
    assert_eq!(read(&adapter, 429, &fields, "").throttled, None, "its list is in place of the other");
    let silent = described("[adapter]\nextends = 'github'\nquota = []");
    assert_eq!(read(&silent, 200, &fields, "").quotas, []);
}

#[test]
fn the_canonical_document_holds_the_adapter_as_it_was_written() {
    let text = "namespace = 'n'\nprovider = 'acme'\n[adapter]\nextends = 'generic'\n\
                cost = { header = 'X-Cost' }\nwait = [{ header = 'Retry-After', as = 'seconds' }]";
    let policy = Policy::from_toml(text).unwrap();
    let json = r#"{"namespace":"n","provider":"acme","adapter":{"extends":"generic","wait":[{"header":"Retry-After","as":"seconds"}],"cost":{"header":"X-Cost"}},"limit":[]}"#;
    assert_eq!(policy.to_json(), json);
    let again = Policy::from_json(json).unwrap();
    assert_eq!(again, policy);
    assert_eq!(read(again.adapter(), 200, &[("x-cost", "7.2")], "").cost, Some(8));
    let other = Policy::from_toml(&text.replace("X-Cost", "X-Price")).unwrap();
    assert_ne!(other, policy);
    assert_ne!(other.digest(), policy.digest());
}

#[test]
fn each_field_of_an_adapter_is_checked() {
    #[rustfmt::skip]
    let rows = [
        ("waits = []", "waits", "unknown field `waits`, expected one of `extends`"),
        ("throttled = []", "throttled", "no entry, expected at least one"),
        ("throttled = [{ status = [] }]", "throttled[0].status", "0 statuses, expected 1 to 32"),
        ("throttled = [{ status = [429, 99] }]", "throttled[0].status[1]", "99, expected 100 to 999"),
        ("throttled = [{ status = [70000] }]", "throttled[0].status[0]", "expected a whole number"),
        ("throttled = [{ status = 429 }]", "throttled[0].status", "integer `429`, expected a sequence"),
        ("throttled = [{ status = [200] }]", "throttled[0].when", "missing for status 200, expected a condition"),
        ("throttled = [{ status = [429], executed = 'yes' }]", "throttled[0].executed", "unknown variant `yes`"),
        ("throttled = [{ status = [429], when = {} }]", "throttled[0].when", "neither header nor body"),
        ("throttled = [{ status = [429], when = { header = 'a', body = '/a' } }]", "throttled[0].when", "both header and body"),
        ("throttled = [{ status = [429], when = { header = 'a b' } }]", "throttled[0].when.header", "the name of a header field"),
        ("throttled = [{ status = [429], when = { header = 'a', is = [] } }]", "throttled[0].when.is", "an empty list"),
        ("throttled = [{ status = [429], when = { body = 'a' } }]", "throttled[0].when.body", "\"a\", expected a JSON pointer"),
        ("throttled = [{ status = [429], when = { pattern = '(' } }]", "throttled[0].when.pattern", "expected a regular expression"),
        ("throttled = [{ status = [429], when = { pattern = '(a)(b)' } }]", "throttled[0].when.pattern", "at most one group"),
        ("wait = [{}]", "wait[0]", "nothing to wait for, expected a header"),
        ("wait = [{ header = 'a' }]", "wait[0].as", "missing, expected what the number counts"),
        ("wait = [{ header = 'a', as = 'hours' }]", "wait[0].as", "unknown variant `hours`, expected one of `retry-after`"),
        ("wait = [{ as = 'seconds' }]", "wait[0]", "neither header nor body, expected one of them"),
        ("wait = [{ header = 'a', as = 'seconds', quota = 'used-up' }]", "wait[0]", "several things to wait for"),
        ("wait = [{ quota = 'any' }]", "wait[0].quota", "unknown variant `any`, expected `used-up`"),
        ("wait = [{ pattern = 'a', as = 'seconds' }]", "wait[0].pattern", "expected one group, around the value"),
        ("wait = [{ pattern = '(\\d{1000}){1000}', as = 'seconds' }]", "wait[0].pattern", "a smaller regular expression"),
        ("wait = [{ refill = { wanted = { header = 'a' }, available = { header = 'a' } } }]", "wait[0].refill.per_second", "missing"),
        ("backoff = []", "backoff", "no step, expected at least one"),
        ("backoff = [{ wait = '0s' }]", "backoff[0].wait", "\"0s\", expected \"1us\" to \"31d\""),
        ("backoff = [{ wait = '32d' }]", "backoff[0].wait", "\"32d\", expected \"1us\" to \"31d\""),
        ("backoff = [{ wait = '5' }]", "backoff[0].wait", "\"5\", expected a whole number with its unit"),
        ("backoff = [{ after = '1m', wait = '5s' }]", "backoff[0].after", "\"1m\", expected \"0s\", or nothing"),
        ("backoff = [{ wait = '5s' }, { wait = '9s' }]", "backoff[1].after", "missing, expected how long"),
        ("backoff = [{ wait = '5s' }, { after = '0s', wait = '9s' }]", "backoff[1].after", "a longer time than that"),
        ("limit = { name = [] }", "limit.name", "0 parts, expected 1 to 8"),
        ("limit = {}", "limit.name", "missing, expected a value"),
        ("limit = { name = [{ header = '' }] }", "limit.name[0].header", "\"\", expected the name of a header"),
        ("quota = [{}]", "quota[0]", "no figure, expected at least one of limit, remaining, used, resets_in and"),
        ("quota = [{ name = '', used = { header = 'a' } }]", "quota[0].name", "\"\", expected 1 to 256 bytes"),
        ("quota = [{ used = { header = 'a' }, window = '0s' }]", "quota[0].window", "\"0s\", expected at least \"1us\""),
        ("quota = [{ used = { header = 'a' }, window_from = { header = 'a', as = 'guess' } }]", "quota[0].window_from.as", "\"seconds\" or \"milliseconds\""),
        ("quota = [{ used = { header = 'a' }, structured = { current = 'a', policy = 'b' } }]", "quota[0]", "no other field beside it"),
        ("quota = [{ structured = { current = 'a', policy = '' } }]", "quota[0].structured.policy", "the name of a header"),
        ("cost = {}", "cost", "neither header nor body"),
        ("cost = 5", "cost", "integer `5`, expected a table"),
        ("body_bytes_max = 1023", "body_bytes_max", "1023 bytes, expected 1024 to 1048576"),
        ("body_bytes_max = 1048577", "body_bytes_max", "1048577 bytes, expected 1024 to 1048576"),
    ];
    for (line, field, words) in rows {
        assert_refused(&format!("namespace = 'n'\n{RIGHT}{line}"), &format!("adapter.{field}"), words);
    }
}

#[test]
fn an_adapter_that_extends_nothing_must_say_the_least() {
    let fields: Vec<String> = Policy::from_toml("namespace = 'n'\nadapter = {}")
        .unwrap_err()
        .problems()
        .iter()
        .map(|problem| problem.field.clone())
        .collect();
    assert_eq!(fields, ["adapter.throttled", "adapter.backoff"]);
    described("adapter = { throttled = [{ status = [429] }], backoff = [{ wait = '1s' }] }");
}

#[test]
fn what_an_adapter_lists_is_limited() {
    let quotas = vec!["{ used = { header = 'a' } }"; 33].join(", ");
    assert_refused(
        &format!("namespace = 'n'\n{RIGHT}quota = [{quotas}]"),
        "adapter.quota",
        "33 entries, expected 0 to 32",
    );
    let pattern = "x".repeat(257);
    assert_refused(
        &format!("namespace = 'n'\n{RIGHT}cost = {{ pattern = '({pattern})' }}"),
        "adapter.cost.pattern",
        "a regular expression of 1 to 256 bytes",
    );
}

/// Written by position, fields would change their sense with the next one.
#[test]
fn what_is_written_by_name_is_not_taken_by_position() {
    #[rustfmt::skip]
    let rows = [
        (r#"["generic"]"#, "adapter"),
        (r#"{"extends":"generic","throttled":[[[429]]]}"#, "adapter.throttled[0]"),
        (r#"{"extends":"generic","cost":["x-cost"]}"#, "adapter.cost"),
        (r#"{"extends":"generic","wait":[{"header":"a","as":{"seconds":null}}]}"#, "adapter.wait[0].as"),
    ];
    for (adapter, field) in rows {
        let error = Policy::from_json(&format!(r#"{{"namespace":"n","adapter":{adapter}}}"#)).unwrap_err();
        assert_eq!(error.problems()[0].field, field, "{error}");
    }
}

/// The example in the documentation is an adapter, and does what it says.
#[test]
fn the_documented_adapter_works() {
    let documentation = include_str!("../../../../../docs/POLICY.md");
    let part = documentation.split("### An adapter of your own").nth(1).unwrap();
    let text = part.split("```toml").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let policy = Policy::from_toml(text).unwrap_or_else(|error| panic!("{error}"));
    let body = r#"{"error":{"code":"BURST","retryInMs":1500,"service":"files","limit":"uploads"}}"#;
    let reading = read(policy.adapter(), 403, &[("X-Calls", "7/10"), ("X-Cost", "3")], body);
    assert_eq!(wait_of(&reading), (Duration::from_millis(1_500), WaitSource::Told));
    assert_eq!((limit_of(&reading), reading.cost), (Some(("files/uploads", None)), Some(3)));
    let [quota] = reading.quotas.as_slice() else { panic!("{reading:?}") };
    assert_eq!((quota.used, quota.remaining, quota.window), (Some(7), Some(3), seconds(3_600)));
    assert_eq!(wait_of(&read(policy.adapter(), 429, &[], "try again in 8 seconds")), told(8));
}
