//! Configurations that can't be used: told by field, with what would be right. Those that we ship can.

use tollgate_simulator::{Config, Provider, Seed};

use super::settings::{EXAMPLE, config};

const LIMIT: &str =
    "shape = 'ietf'\n[[limit]]\nname = 'a/b'\nper = ['org']\nkind = 'fixed-window'\nvalue = 1\n";

#[test]
fn the_example_is_right() {
    let mut provider = Provider::new(config(EXAMPLE), Seed::new(1));
    provider.advance(tollgate_simulator::Time::from_secs(60));
    assert_eq!(provider.ledger().excesses(), vec![]);
}

#[test]
fn an_error_names_the_field_and_what_would_be_right() {
    let limit = |rest: &str| format!("{LIMIT}{rest}");
    let whole = |rest: &str| format!("{LIMIT}window = '60s'\n{rest}");
    let rows = [
        (String::new(), "shape", "a value"),
        ("shape = 'acme'".to_owned(), "shape", "`genesys-cloud`"),
        ("shape = ".to_owned(), "document", ""),
        ("shape = 'ietf'\nshapes = 1".to_owned(), "shapes", "`limit`"),
        (limit(""), "limit[0].window", "60s"),
        (limit("window = '0s'"), "limit[0].window", "not zero"),
        (limit("window = 60"), "limit[0].window", "in quotes"),
        (limit("window = '60'"), "limit[0].window", "unit"),
        (whole("").replace("= 1\n", "= 0\n"), "limit[0].value", "1 to 1000000000"),
        (whole("").replace("= 1\n", "= -1\n"), "limit[0].value", "1 to 1000000000"),
        (whole("").replace("= 1\n", "= 1.5\n"), "limit[0].value", "whole number"),
        (whole("").replace("a/b", "b"), "limit[0].name", "namespace"),
        (whole("").replace("fixed-window", "bucket"), "limit[0].kind", "`leaky-bucket`"),
        (whole("").replace("'org'", "'tenant'"), "limit[0].per[0]", "`org`"),
        (whole("").replace("'org'", "'org', 'org'"), "limit[0].per", "once"),
        (whole("").replace("fixed-window", "concurrent"), "limit[0].window", "none"),
        (whole("path = 'api'"), "limit[0].path", "'/'"),
        (whole("path = '/a/**/b'"), "limit[0].path", "only at the end"),
        (whole("method = 'get'"), "limit[0].method", "capitals"),
        (whole("cost = { query = 'pageSize', per = 0 }"), "limit[0].cost.per", "1 to"),
        (whole("under_load = { above = '5', percent = 50 }"), "limit[0].under_load.above", "5/s"),
        (whole("under_load = { above = '5/s', percent = 100 }"), "limit[0].under_load.percent", "1 to 99"),
        (whole("override.'a,b' = 5"), "limit[0].override.\"a,b\"", "one value"),
        (whole("override.a = 0"), "limit[0].override.a", "1 to"),
        (whole("").replace("['org']", "[]") + "override.a = 5", "limit[0].override", "over everything"),
        (whole(&whole("").replace("shape = 'ietf'\n", "")), "limit[1].name", "another"),
        (whole("[[change]]\nat = '1s'\nlimit = 'a/c'\nvalue = 1"), "change[0].limit", "a/b"),
        (whole("[[change]]\nat = '1s'\nlimit = 'a/b'\nvalue = 1\nkey = 'a,b'"), "change[0].key", "one value"),
        (whole("[[background]]\npath = '/x'\nrate = '1/s'"), "background[0].org", "[[client]]"),
        (whole("[[background]]\norg = 'a'\npath = 'x'\nrate = '1/s'"), "background[0].path", "'/'"),
        (whole("[[background]]\norg = 'a'\npath = '/x'\nrate = '0/s'"), "background[0].rate", "5/s"),
        (whole("[[background]]\norg = 'a'\npath = '/x'\nrate = '5/us'"), "background[0].rate", "less"),
        (whole("[[client]]\nid = 'a:b'\nsecret = 's'\norg = 'o'"), "client[0].id", "':'"),
        (whole("[[client]]\nid = 'a'\nsecret = 's'\norg = 'o'\ncount = 2"), "client[0].id", "{n}"),
        (
            whole("[[client]]\nid = 'a{n}'\nsecret = 's'\norg = 'o'\ncount = 999999"),
            "client[0].count",
            "1 to",
        ),
        (whole("[oauth]\nvalue = 5"), "oauth.window", "60s"),
        (whole("[oauth]\nlifetime = '0s'"), "oauth.lifetime", "not zero"),
        (whole("[faults]\nreset = 1.5"), "faults.reset", "0 to 1"),
        (whole("[faults]\nreset = nan"), "faults.reset", "0 to 1"),
        (whole("[faults]\nreset = 0.6\nerror = 0.6"), "faults", "at most 1"),
        (whole("[faults]\nstatus = 200"), "faults.status", "500 to 599"),
        (whole("[throttle]\nstatus = 404"), "throttle.status", "429 or 503"),
        (whole("[throttle]\nretry_after = 'maybe'"), "throttle.retry_after", "`missing`"),
    ];
    for (text, field, right) in rows {
        let error = Config::from_toml(&text).expect_err(&text);
        let shown = error.to_string();
        assert!(error.field == field && error.expected.contains(right), "{text}\n{shown}");
        assert!(shown.starts_with(field) && !shown.contains('\n'), "{shown}");
    }
}

#[test]
fn secrets_are_not_shown() {
    let config = config("shape = 'ietf'\n[[client]]\nid = 'app'\nsecret = 'hush'\norg = 'o'");
    assert!(!format!("{config:?}").contains("hush"));
}
