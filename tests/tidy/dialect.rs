//! Scripts keep to the part of Lua that is the same in every Redis and in the embedded engine.

use super::script::Script;
use super::tree::{File, assert_tidy};

/// What must not stand in a script, and what to do instead.
const FORBIDDEN: [(&str, &str); 5] = [
    ("tostring", "it keeps 14 digits of a number; string.format(\"%d\", n) keeps them all"),
    ("pairs(", "its order is not defined; use arrays and a counting `for`"),
    ("math.random", "a script must decide the same wherever it runs"),
    ("error({", "raised uncaught, a table without a text crashes redis-server; return redis.error_reply"),
    ("HGETALL", "its order is not defined, and a hash may have a million fields; name the fields"),
];

/// Names that hold numbers wherever they appear.
const NUMBERS: [&str; 14] = [
    "now", "at", "debt", "epoch", "calls", "cost", "wait", "count", "number", "version", "credit", "refill",
    "seen", "left",
];

fn faults(script: &Script) -> Vec<String> {
    let mut faults = Vec::new();
    for (index, line) in script.code.iter().enumerate() {
        let place = format!("{}:{}", script.path, index + 1);
        for (word, instead) in FORBIDDEN.iter().filter(|(word, _)| stands_in(line, word)) {
            faults.push(format!("{place}: has `{word}`: {instead}"));
        }
        if joins_a_number(&without_texts(line)) {
            faults.push(format!(
                "{place}: `..` with a number keeps 14 digits of it; use string.format(\"%d\", n)"
            ));
        }
    }
    faults
}

/// Whether the word begins where no other word goes on: `ipairs(` walks in order and is not `pairs(`.
fn stands_in(line: &str, word: &str) -> bool {
    line.match_indices(word)
        .any(|(at, _)| !line[..at].ends_with(|before: char| before.is_alphanumeric() || before == '_'))
}

/// The line with every text emptied.
fn without_texts(line: &str) -> String {
    line.split('"').step_by(2).collect::<Vec<_>>().join("\"\"")
}

/// Whether an operand of `..` is a number, as far as a line tells.
fn joins_a_number(line: &str) -> bool {
    let parts: Vec<&str> = line.split("..").collect();
    let is_word = |letter: char| letter.is_alphanumeric() || letter == '_';
    parts.windows(2).any(|pair| {
        let before = pair[0].trim_end();
        let before = &before[before.rfind(|letter: char| !is_word(letter)).map_or(0, |at| at + 1)..];
        let after = pair[1].trim_start();
        let end = after.find(|letter: char| !is_word(letter)).unwrap_or(after.len());
        // Behind a name may follow what makes it another value: a call, an index, a field.
        let whole = !after[end..].starts_with(['(', '[', '.', ':']);
        let is_number =
            |word: &str| word.starts_with(|letter: char| letter.is_ascii_digit()) || NUMBERS.contains(&word);
        is_number(before) || after.starts_with('#') || (whole && is_number(&after[..end]))
    })
}

#[test]
fn scripts_keep_to_their_dialect() {
    let scripts = Script::all().into_iter().chain(Script::parts());
    assert_tidy(scripts.flat_map(|script| faults(&script)));
}

#[test]
fn this_rule_has_teeth() {
    let faults =
        |line: &str| faults(&Script::of(&File { path: "lua/x.lua".to_owned(), text: line.to_owned() })).len();
    for line in [
        "local a = tostring(n)",
        "for k, v in pairs(t) do",
        "return math.random(3)",
        "error({err = \"X\"})",
        "redis.call(\"HGETALL\", KEYS[1])",
        "local a = \"v:\" .. now",
        "local a = \"v:\" .. 5",
        "local a = 5 .. \"v\"",
        "local a = \"v:\" .. #list",
        "local a = head.epoch .. \":\" .. b",
    ] {
        assert_eq!(faults(line), 1, "{line}");
    }
    for line in [
        "for i, v in ipairs(t) do",
        "local a = \"n:\" .. string.match(field, \"^b:\") -- pairs(",
        "local a = \"the record '\" .. field .. \"' at 5..7\"",
    ] {
        assert_eq!(faults(line), 0, "{line}");
    }
}
