//! Documents that are refused: every row tells which field is wrong and what the user is told about it.

use super::*;

/// A right limit, for rows that spoil one thing.
const RIGHT: &str = "name = 'a'\nper = ['org']\n";

fn problems_of(text: &str) -> Vec<Problem> {
    let error = Policy::from_toml(text).expect_err(text);
    assert!(!error.problems().is_empty());
    error.problems().to_vec()
}

/// Asserts that a document has one problem, in this field, and that its message contains these words.
fn assert_refused(text: &str, field: &str, words: &str) {
    let problems = problems_of(text);
    let [problem] = problems.as_slice() else { panic!("{text}\nhas several problems: {problems:#?}") };
    assert_eq!(problem.field, field, "in {text}\n{problem}");
    let said = problem.to_string();
    assert!(said.contains(words), "expected {words:?} in {said:?}, of {text}");
}

#[test]
fn the_head_is_checked() {
    #[rustfmt::skip]
    let rows = [
        ("", "namespace", "missing, expected a value"),
        ("namespace = 5", "namespace", "(line 1, column 13): integer `5`, expected a string"),
        ("namespace = ''", "namespace", "\"\", expected 1 to 64 of a-z"),
        ("namespace = 'Genesys'", "namespace", "\"Genesys\", expected 1 to 64 of a-z"),
        ("namespace = '-a'", "namespace", "the first a letter or a digit"),
        ("namespace = 'n'\nprovider = 'Genesys Cloud'", "provider", "\"Genesys Cloud\", expected"),
        ("namespace = 'n'\nlimits = []", "limits", "(line 2, column 1): unknown field `limits`, expected"),
        ("namespace = 'n'\nlimit = 5", "limit", "integer `5`, expected a sequence"),
        ("namespace = ", "document", "(line 1, column 13)"),
        ("namespace = 'n'\nnamespace = 'n'", "document", "(line 2, column 1): duplicate key"),
    ];
    for (text, field, words) in rows {
        assert_refused(text, field, words);
    }
    let orgs = |orgs: &[&str]| format!("namespace = 'n'\nrecord_calls = {orgs:?}");
    let too_long = "n".repeat(257);
    #[rustfmt::skip]
    let rows = [
        (orgs(&["a", ""]), "record_calls[1]", "expected 1 to 256 bytes without control characters"),
        (orgs(&[&too_long]), "record_calls[0]", "expected 1 to 256 bytes"),
        (orgs(&["a\tb"]), "record_calls[0]", "without control characters"),
        (orgs(&["a", "b", "a"]), "record_calls[2]", "\"a\", expected each organisation once"),
        (orgs(&["a"; 101]), "record_calls", "101 organisations, expected at most 100"),
        ("namespace = 'n'\nrecord_calls = 'a'".to_owned(), "record_calls", "expected a sequence"),
        ("namespace = 'n'\nrecord_calls = [1]".to_owned(), "record_calls[0]", "expected a string"),
    ];
    for (text, field, words) in rows {
        assert_refused(&text, field, words);
    }
    let long = "n".repeat(65);
    assert_refused(&format!("namespace = '{long}'"), "namespace", "nnn\"..., expected 1 to 64");
}

#[test]
fn each_field_of_a_limit_is_checked() {
    #[rustfmt::skip]
    let rows = [
        ("quota = '300'", "quota", "\"300\", expected 1 to 1000000000 in a span of time, such as \"300/1m\""),
        ("quota = '0/1m'", "quota", "\"0/1m\", expected 1 to"),
        ("rate = '10/0s'", "rate", "\"10/0s\", expected"),
        ("rate = 10", "rate", "(line 5, column 8): integer `10`, expected a string"),
        ("rate = '1/s'\nburst = 0", "burst", "0, expected 1 to"),
        ("rate = '1/s'\nburst = -1", "burst", "integer `-1`, expected a whole number"),
        ("rate = '1/s'\nburst = 1.5", "burst", "floating point `1.5`, expected"),
        ("rate = '1/s'\nburst = 4503599628", "burst", "4503599628, expected 1 to 4503599627,"),
        ("quota = '10/1m'\nburst = 11", "burst", "11, expected at most 10, the quota"),
        ("quota = '10/1m'\nburst = 0", "burst", "0, expected 1 to"),
        ("quota = '10000000/1d'", "burst", "1000000, expected 1 to 52124"),
        ("quota = '10/1m'\nslack = '1'", "slack", "\"1\", expected a whole number with its unit"),
        ("rate = '10/s'\nslack = '1s'", "slack", "\"1s\", expected no slack with a rate"),
        ("rate = '1/s'\nmode = 'watch'", "mode", "unknown variant `watch`, expected `enforce` or `observe`"),
        ("rate = '1/s'\nmax_keys = 0", "max_keys", "0, expected 1 to 100000000"),
        ("rate = '1/s'\nmax_keys = 100000001", "max_keys", "100000001, expected 1 to 100000000"),
        ("rate = '1/s'\nnames = ['x', '']", "names[1]", "\"\", expected 1 to 256 bytes"),
        ("rate = '1/s'\nnames = [\"a\\n\"]", "names[0]", "expected 1 to 256 bytes without control"),
        ("concurrent = 0", "concurrent", "0, expected 1 to 1000"),
        ("concurrent = 1001", "concurrent", "1001, expected 1 to 1000"),
        ("concurrent = '5'", "concurrent", "string \"5\", expected"),
        ("concurrent = 5\nlease = '5'", "lease", "\"5\", expected a whole number with its unit"),
        ("concurrent = 5\nlease = '999ms'", "lease", "\"999ms\", expected \"1s\" to \"1h\""),
        ("concurrent = 5\nlease = '61m'", "lease", "\"61m\", expected \"1s\" to \"1h\""),
        ("rate = '1/s'\nlease = '9s'", "lease", "\"9s\", expected no lease without concurrent"),
        ("spacing = '0ms'", "spacing", "\"0ms\", expected a gap of at least \"1us\""),
        ("spacing = 'short'", "spacing", "\"short\", expected a whole number with its unit"),
        ("rate = '1/s'\ncost = { query = '', per = 25 }", "cost.query", "\"\", expected the name of a query"),
        ("rate = '1/s'\ncost = { query = 'n', per = 0 }", "cost.per", "0, expected 1 to 1000000000"),
        ("rate = '1/s'\ncost = { header = 'x', per = 25 }", "cost.header", "unknown field `header`"),
        ("concurrent = 5\ncost = { query = 'n', per = 5 }", "cost", "no rate or quota, expected one of them"),
        ("rate = '1/s'\nrates = '1/s'", "rates", "unknown field `rates`, expected one of `name`"),
    ];
    for (field_text, field, words) in rows {
        let text = format!("namespace = 'n'\n[[limit]]\n{RIGHT}{field_text}");
        assert_refused(&text, &format!("limit[0].{field}"), words);
    }
}

#[test]
fn a_limit_has_exactly_one_of_rate_and_quota() {
    let text = format!("namespace = 'n'\n[[limit]]\n{RIGHT}");
    assert_refused(&text, "limit[0]", "neither rate nor quota, expected exactly one of them");
    assert_refused(&format!("{text}concurrent = 5\nburst = 5"), "limit[0]", "neither rate nor quota");
    policy(&[&format!("{RIGHT}concurrent = 5"), "name = 'b'\nper = []\nspacing = '1s'"]);
    let text = format!("{text}rate = '1/s'\nquota = '1/s'");
    assert_refused(&text, "limit[0]", "both rate and quota, expected exactly one of them");
}

#[test]
fn names_and_attributes_are_checked() {
    #[rustfmt::skip]
    let rows = [
        ("name = 'a:b'\nper = []", "name", "\"a:b\", expected 1 to 64 of a-z"),
        ("per = []", "name", "missing, expected a value"),
        ("name = 'a'", "per", "missing, expected a value"),
        ("name = 'a'\nper = 'org'", "per", "string \"org\", expected a sequence"),
        ("name = 'a'\nper = ['orgs']", "per[0]", "expected org, client, token, provider, method, path or"),
        ("name = 'a'\nper = ['attributes.']", "per[0]", "or attributes.<name>"),
        ("name = 'a'\nper = ['org', 'org']", "per[1]", "\"org\", expected each attribute once"),
        ("name = 'a'\nper = ['org', 5]", "per[1]", "integer `5`, expected a string"),
    ];
    for (body, field, words) in rows {
        let text = format!("namespace = 'n'\n[[limit]]\n{body}\nrate = '1/s'");
        assert_refused(&text, &format!("limit[0].{field}"), words);
    }
    let twice = format!("[[limit]]\n{RIGHT}rate = '1/s'\n").repeat(2);
    assert_refused(
        &format!("namespace = 'n'\n{twice}"),
        "limit[1].name",
        "a name that no limit before it has",
    );
}

#[test]
fn conditions_are_checked() {
    #[rustfmt::skip]
    let rows = [
        ("{ path = 'users' }", "path", "\"users\", expected a path pattern that starts with '/'"),
        ("{ path = '/users/{userId}' }", "path", "expected only the wildcards * (in a segment) and **"),
        ("{ path = '/[a-z]' }", "path", "expected only the wildcards"),
        ("{ path = '/a?b' }", "path", "expected only the wildcards"),
        ("{ path = '/a\\b' }", "path", "expected only the wildcards"),
        ("{ path = '/users**' }", "path", "expected ** as a segment of its own"),
        ("{ path = '/***' }", "path", "expected ** as a segment of its own"),
        ("{ path = '/users/' }", "path", "expected the normal form of paths, \"/users\""),
        ("{ path = '//users' }", "path", "expected the normal form of paths, \"/users\""),
        ("{ path = '/%75sers' }", "path", "expected the normal form of paths, \"/users\""),
        ("{ path = ['/a', 'b'] }", "path[1]", "\"b\", expected a path pattern"),
        ("{ path = ['/a', 5] }", "path[1]", "integer `5`, expected a string"),
        ("{ path = [] }", "path", "an empty list, expected at least one value"),
        ("{ path = 5 }", "path", "integer `5`, expected a text or a list of texts"),
        ("{ method = 'GET /' }", "method", "expected a method in upper case"),
        ("{ org = '' }", "org", "expected 1 to 256 bytes"),
        ("{ client = ['a', ''] }", "client[1]", "expected 1 to 256 bytes"),
        ("{ pth = '/a' }", "pth", "unknown field `pth`, expected one of `path`"),
    ];
    for (when, field, words) in rows {
        let text = format!("namespace = 'n'\n[[limit]]\n{RIGHT}rate = '1/s'\nwhen = {when}");
        assert_refused(&text, &format!("limit[0].when.{field}"), words);
    }
}

#[test]
fn overrides_are_checked() {
    #[rustfmt::skip]
    let rows = [
        ("['org']", "'acme' = { rate = '50' }", r#""acme".rate"#, "\"50\", expected 1 to"),
        ("['org']", "'acme' = {}", r#""acme""#, "no rate, quota, burst, concurrent or spacing, expected at least"),
        ("['org']", "'acme' = { slack = '1s' }", r#""acme""#, "no rate, quota, burst, concurrent or spacing"),
        ("['org']", "'acme' = { concurrent = 0 }", r#""acme".concurrent"#, "0, expected 1 to 1000"),
        ("['org']", "'acme' = { spacing = '0s' }", r#""acme".spacing"#, "\"0s\", expected a gap of at least"),
        ("['org']", "'acme' = { quota = '9/m', rate = '9/s' }", r#""acme""#, "both rate and quota"),
        ("['org']", "'acme' = { rate = '9/s', slack = '1s' }", r#""acme".slack"#, "no slack with a rate"),
        ("['org']", "'acme' = { burst = 31 }", r#""acme".burst"#, "31, expected at most 30, the quota"),
        ("['org']", "'acme' = { quota = '5/m' }", r#""acme".burst"#, "the quota (this is the limit's"),
        ("['org']", "'acme' = { rates = '9/s' }", r#""acme".rates"#, "unknown field `rates`"),
        ("['org']", "'acme' = { rate = 9 }", r#""acme".rate"#, "integer `9`, expected a string"),
        ("['org']", "'override' = { rate = 9 }", r#""override".rate"#, "integer `9`, expected a string"),
        ("['org']", "'' = { burst = 1 }", r#""""#, "\"\", expected 1 to 256 bytes"),
        ("['org']", "\"a\\n\" = { burst = 1 }", r#""a\n""#, "1 to 256 bytes without control characters"),
        ("['org', 'client']", "'acme' = { burst = 1 }", r#""acme""#, "expected 2 parts, org/client"),
        ("['org', 'client']", "'a/b/c' = { burst = 1 }", r#""a/b/c""#, "expected 2 parts, org/client"),
        ("['org', 'client']", "'a/' = { burst = 1 }", r#""a/""#, "expected 1 to 256 bytes"),
        ("['org', 'client']", "'a/%2f' = { burst = 1 }", r#""a/%2f""#, "expected '%' written %25"),
        ("['method']", "'get' = { burst = 1 }", r#""get""#, "expected a method in upper case"),
        ("['path']", "'/a/' = { burst = 1 }", r#""/a/""#, "expected the path in its normal form, \"/a\""),
        ("['token']", "'secret' = { burst = 1 }", r#""secret""#, "expected the token's fingerprint"),
        ("[]", "'acme' = { burst = 1 }", r#""acme""#, "the one key of a limit counted per nothing"),
    ];
    for (per, other, field, words) in rows {
        let text = format!(
            "namespace = 'n'\n[[limit]]\nname = 'a'\nper = {per}\nquota = '30/1m'\nburst = 6\n\
             [limit.override]\n{other}"
        );
        assert_refused(&text, &format!("limit[0].override.{field}"), words);
    }
}

/// What later versions do must not be taken in silence, and mistyped it is told as mistyped.
#[test]
fn what_is_not_supported_yet_is_refused_as_that() {
    #[rustfmt::skip]
    let rows = [
        ("on_outage = 'share'", "on_outage", "share, expected \"refuse\", as others are not supported yet"),
        ("on_outage = 'allow'", "on_outage", "allow, expected \"refuse\", as others are not supported yet"),
        ("on_outage = 'open'", "on_outage", "unknown variant `open`, expected one of"),
        ("weight.acme = '3'", "weight.\"acme\"", "string \"3\", expected"),
    ];
    for (field_text, field, words) in rows {
        let text = format!("namespace = 'n'\n[[limit]]\n{RIGHT}rate = '1/s'\n{field_text}");
        assert_refused(&text, &format!("limit[0].{field}"), words);
    }
    policy(&[&format!("{RIGHT}rate = '1/s'\non_outage = 'refuse'")]);
}

#[test]
fn weights_are_small_whole_numbers() {
    for (field_text, field, words) in [
        ("weight.acme = 0", "weight.\"acme\"", "0, expected 1 to 1000"),
        ("weight.acme = 1001", "weight.\"acme\"", "1001, expected 1 to 1000"),
        ("weight.\"\" = 2", "weight.\"\"", "expected"),
    ] {
        let text = format!("namespace = 'n'\n[[limit]]\n{RIGHT}rate = '1/s'\n{field_text}");
        assert_refused(&text, &format!("limit[0].{field}"), words);
    }
    for (field_text, field, words) in [
        ("interactive = 0", "priority.interactive", "0, expected 1 to 1000"),
        ("batch = 1001", "priority.batch", "1001, expected 1 to 1000"),
        ("urgent = 2", "priority.urgent", "unknown field `urgent`"),
    ] {
        assert_refused(&format!("namespace = 'n'\n[priority]\n{field_text}"), field, words);
    }
}

#[test]
fn two_limits_per_org_give_an_organisation_one_weight() {
    let two = |first: u32, second: u32| {
        format!(
            "namespace = 'n'\n[[limit]]\n{RIGHT}rate = '1/s'\nweight.acme = {first}\n\
             [[limit]]\nname = 'b'\nper = ['org']\nrate = '1/s'\nweight.acme = {second}"
        )
    };
    assert!(Policy::from_toml(&two(3, 3)).is_ok());
    assert_refused(
        &two(3, 4),
        "limit[1].weight.\"acme\"",
        "4, expected the weight that another limit per org",
    );
}

#[test]
fn several_problems_are_told_at_once() {
    let text = "namespace = 'N'\n[[limit]]\nname = 'A'\nper = ['x']\nrate = '1'\nmax_keys = 0\n\
                [[limit]]\nname = 'b'\nper = ['org']\nquota = '30/1m'\noverride.acme.rate = '50'";
    let fields: Vec<String> = problems_of(text).into_iter().map(|problem| problem.field).collect();
    let expected = [
        "namespace",
        "limit[0].name",
        "limit[0].max_keys",
        "limit[0].per[0]",
        "limit[0].rate",
        "limit[1].override.\"acme\".rate",
    ];
    assert_eq!(fields, expected);
    let said = Policy::from_toml(text).unwrap_err().to_string();
    assert_eq!(said.matches("; ").count(), 5, "{said}");
}

#[test]
fn of_very_many_problems_the_first_twenty_are_told() {
    let overrides: Vec<String> = (0..1_000).map(|org| format!("{org} = {{ rate = 'x' }}\n")).collect();
    let text =
        format!("namespace = 'n'\n[[limit]]\n{RIGHT}rate = '1/s'\n[limit.override]\n{}", overrides.concat());
    let error = Policy::from_toml(&text).unwrap_err();
    assert_eq!(error.problems().len(), 20);
    assert!(error.to_string().ends_with("; and 980 more problems"), "{error}");
}

#[test]
fn documents_have_a_largest_size() {
    let padded = |bytes: usize| format!("namespace = 'n'\n#{}", " ".repeat(bytes - 17));
    assert!(Policy::from_toml(&padded(1 << 20)).is_ok());
    assert_refused(&padded((1 << 20) + 1), "document", "1048577 bytes, expected at most 1048576 bytes");
    let limits = |count: usize| -> String {
        let limit = |index| format!("[[limit]]\nname = 'l{index}'\nper = []\nrate = '1/s'\n");
        format!("namespace = 'n'\n{}", (0..count).map(limit).collect::<String>())
    };
    assert!(Policy::from_toml(&limits(256)).is_ok());
    assert_refused(&limits(257), "limit", "257 limits, expected at most 256");
}

#[test]
fn json_is_refused_with_the_same_fields() {
    let limit = r#"{"namespace":"n","limit":[{"name":"a","per":["org"],"rate":"#;
    #[rustfmt::skip]
    let rows = [
        ("{}".to_owned(), "namespace", "missing, expected a value"),
        ("{".to_owned(), "document", "(line 1, column 1): EOF while parsing an object"),
        ("[]".to_owned(), "document", "expected"),
        (r#"{"namespace":"n"} x"#.to_owned(), "document", "trailing characters"),
        (format!("{limit}5}}]}}"), "limit[0].rate", "integer `5`, expected a string"),
        (
            format!(r#"{limit}"1/s","override":{{"x":{{"rate":5}}}}}}]}}"#),
            "limit[0].override.\"x\".rate",
            "(line 1, column 90): integer `5`, expected a string",
        ),
        (
            format!(r#"{limit}"1/s","override":{{"x":{{"burst":1}},"x":{{"burst":2}}}}}}]}}"#),
            "limit[0].override",
            "duplicate key \"x\", expected it once",
        ),
    ];
    for (text, field, words) in rows {
        let error = Policy::from_json(&text).expect_err(&text);
        assert_eq!(error.problems()[0].field, field, "in {text}: {error}");
        assert!(error.to_string().contains(words), "expected {words:?} in {error}");
    }
}

/// A list of values in the order of a table's fields, and a table in place of a word, are slips: nobody means them, and
/// their sense would change with the next field.
#[test]
fn what_is_written_by_name_is_not_taken_by_position() {
    let limit = r#"{"name":"a","per":["org"],"rate":"1/s","#;
    #[rustfmt::skip]
    let rows = [
        (r#"["n",null,[]]"#.to_owned(), "document", "sequence, expected a table"),
        (r#"{"namespace":"n","limit":[["a",[],null,["org"],"1/s"]]}"#.to_owned(), "limit[0]", "sequence, expected a table"),
        (r#"{"namespace":"n","limit":["a"]}"#.to_owned(), "limit[0]", "string \"a\", expected a table"),
        (format!(r#"{{"namespace":"n","limit":[{limit}"when":["/a"]}}]}}"#), "limit[0].when", "sequence, expected a table"),
        (
            format!(r#"{{"namespace":"n","limit":[{limit}"override":{{"x":["9/s"]}}}}]}}"#),
            "limit[0].override.\"x\"", "sequence, expected a table",
        ),
        (format!(r#"{{"namespace":"n","limit":[{limit}"override":[]}}]}}"#), "limit[0].override", "sequence, expected a table"),
        (format!(r#"{{"namespace":"n","limit":[{limit}"cost":["q",1]}}]}}"#), "limit[0].cost", "sequence, expected a table"),
        (format!(r#"{{"namespace":"n","limit":[{limit}"mode":{{"observe":null}}}}]}}"#), "limit[0].mode", "map, expected a word"),
        (
            format!(r#"{{"namespace":"n","limit":[{limit}"on_outage":{{"refuse":null}}}}]}}"#),
            "limit[0].on_outage", "map, expected a word",
        ),
    ];
    for (text, field, words) in rows {
        let error = Policy::from_json(&text).expect_err(&text);
        assert_eq!(error.problems()[0].field, field, "in {text}: {error}");
        assert!(error.to_string().contains(words), "expected {words:?} in {error}");
    }
    assert_refused("namespace = 'n'\nlimit = [['a', [], ['org']]]", "limit[0]", "sequence, expected a table");
    let text = format!("namespace = 'n'\n[[limit]]\n{RIGHT}rate = '1/s'\nmode = {{ observe = {{}} }}");
    assert_refused(&text, "limit[0].mode", "map, expected a word in quotes");
}

/// Errors end up in logs and in answers: they stay short and on one line whatever the document holds.
#[test]
fn a_message_is_short_and_on_one_line() {
    let long = "x\\n".repeat(100_000);
    let rows = [
        format!("namespace = \"{long}\""),
        format!("\"{long}\" = 1"),
        format!("namespace = 'n'\nlimit = \"{long}\""),
        format!("namespace = 'n'\n[[limit]]\n{RIGHT}rate = '1/s'\nmode = \"{long}\""),
        format!("namespace = 'n'\n[[limit]]\n{RIGHT}rate = '1/s'\noverride.\"{long}\".rate = 5"),
        format!("namespace = 'n'\n[[limit]]\n{RIGHT}rate = '1/s'\noverride.\"{long}\".rate = 'x'"),
        format!("namespace = 'n'\n[[limit]]\n{RIGHT}rate = '1/s'\nweight.\"{long}\" = 1"),
        format!("namespace = 'n'\n[[limit]]\n{RIGHT}rate = '1/s'\ncost = {{ query = \"{long}\", per = 1 }}"),
        format!("namespace = 'n'\n[[limit]]\n{RIGHT}rate = '1/s'\nwhen.path = \"/a/../{long}\""),
        format!(
            "namespace = 'n'\n[[limit]]\n{RIGHT}rate = '1/s'\nwhen.path = \"/a/../{}\"",
            "x".repeat(2_000)
        ),
    ];
    for text in rows {
        let said = Policy::from_toml(&text).unwrap_err().to_string();
        assert!(said.len() < 600 && !said.contains('\n'), "{} bytes: {said:.900}", said.len());
    }
}
