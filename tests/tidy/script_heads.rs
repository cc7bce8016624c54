//! The head of every script says what its body does.

use std::collections::BTreeSet;

use super::script::{SECTIONS, Script};
use super::tree::{File, assert_tidy};

/// Commands that change a key.
const WRITING: [&str; 5] = ["HSET", "HDEL", "DEL", "XADD", "XTRIM"];

fn missing_sections(script: &Script) -> Vec<String> {
    let missing = SECTIONS.iter().filter(|name| script.said(name).is_none());
    missing.map(|name| format!("{}:1: the head has no {name}; write it", script.path)).collect()
}

/// Words in capitals: the names of commands and of errors.
fn capitals(text: &str) -> BTreeSet<String> {
    let words = text.split(|letter: char| !letter.is_ascii_alphanumeric());
    let names = words.filter(|word| word.len() > 2 && word.bytes().all(|byte| byte.is_ascii_uppercase()));
    names.map(str::to_owned).collect()
}

/// What is in one set and not in the other, as complaints about a section of the head.
fn compare(script: &Script, name: &str, said: &BTreeSet<String>, done: &BTreeSet<String>) -> Vec<String> {
    let line = script.said(name).map_or(1, |section| section.line);
    let place = format!("{}:{line}: {name}", script.path);
    let unsaid =
        done.difference(said).map(|item| format!("{place} does not name {item}, which the body has; add it"));
    let undone =
        said.difference(done).map(|item| format!("{place} names {item}, which the body has not; remove it"));
    unsaid.chain(undone).collect()
}

fn cost(script: &Script, parts: &[Script]) -> Vec<String> {
    let said = script.said("COST").map(|section| capitals(&section.text)).unwrap_or_default();
    compare(script, "COST", &said, &script.commands(parts))
}

fn keys(script: &Script) -> Vec<String> {
    let said =
        script.head.iter().filter(|section| section.name == "KEYS").filter_map(|section| section.index);
    let used = script.code.iter().flat_map(|line| line.split("KEYS[").skip(1));
    let used = used.filter_map(|part| part.split(']').next()?.parse::<u32>().ok());
    let name = |index: u32| format!("KEYS[{index}]");
    compare(script, "KEYS", &said.map(name).collect(), &used.map(name).collect())
}

fn writes(script: &Script, parts: &[Script]) -> Vec<String> {
    let said = script.said("WRITES").is_some_and(|section| !section.text.starts_with("nothing"));
    let done = script.commands(parts).iter().any(|command| WRITING.contains(&command.as_str()));
    let line = script.said("WRITES").map_or(1, |section| section.line);
    let complaint =
        || format!("{}:{line}: WRITES says `nothing` or the body writes, not both; correct it", script.path);
    (said != done).then(complaint).into_iter().collect()
}

/// The codes in `error_reply("CODE ...")`.
fn errors_in(text: &str) -> BTreeSet<String> {
    let replies = text.split("error_reply(\"").skip(1);
    replies.filter_map(|part| Some(part.split([' ', '"']).next()?.to_owned())).collect()
}

/// The errors that a script can answer: those it names, and those of the functions it calls.
fn errors(script: &Script, parts: &[Script]) -> Vec<String> {
    let section = script.said("ERRORS").map(|section| section.text.as_str()).unwrap_or_default();
    let own = script.code.iter().flat_map(|line| errors_in(line));
    let done = own.chain(script.brought(parts, errors_in)).collect();
    compare(script, "ERRORS", &capitals(section), &done)
}

fn faults(script: &Script, parts: &[Script]) -> Vec<String> {
    let faults = [
        missing_sections(script),
        cost(script, parts),
        keys(script),
        writes(script, parts),
        errors(script, parts),
    ];
    faults.concat()
}

#[test]
fn every_script_has_a_whole_head() {
    assert_tidy(Script::all().iter().flat_map(missing_sections));
}

#[test]
fn a_head_names_the_commands_that_its_body_calls() {
    let parts = Script::parts();
    assert_tidy(Script::all().iter().flat_map(|script| cost(script, &parts)));
}

#[test]
fn a_head_names_the_keys_that_its_body_uses() {
    assert_tidy(Script::all().iter().flat_map(keys));
}

#[test]
fn a_script_that_writes_nothing_says_so_and_the_others_say_what() {
    let parts = Script::parts();
    assert_tidy(Script::all().iter().flat_map(|script| writes(script, &parts)));
}

#[test]
fn a_head_names_the_errors_that_its_body_answers() {
    let parts = Script::parts();
    assert_tidy(Script::all().iter().flat_map(|script| errors(script, &parts)));
}

#[test]
fn these_rules_have_teeth() {
    let script = |text: String| Script::of(&File { path: "lua/x.lua".to_owned(), text });
    let head = "-- Adds.\n--\n-- KEYS[1]  hash\n-- ARGV[1]  integer\n-- RETURNS  nothing\n-- ERRORS   SCHEMA  a record\n\
                -- WRITES   a field\n-- COST     TIME, HSET\n\n";
    let body = "local head = read_head(ARGV[1])\nlocal now = tell_time(head)\nredis.call(\"HSET\", KEYS[1], \"a\", \"1\")\n";
    let parts = [script(
        "-- P.\nlocal function unknown_schema(f)\n  return redis.error_reply(\"SCHEMA f\")\nend\n\
         local function read_head(b)\n  return unknown_schema(b)\nend\n\
         local function tell_time(h)\n  return redis.call(\"TIME\")\nend\n"
            .to_owned(),
    )];
    assert_eq!(faults(&script(format!("{head}{body}")), &parts), Vec::<String>::new());
    let changed =
        |from: &str, to: &str| faults(&script(format!("{head}{body}").replacen(from, to, 1)), &parts).len();
    for (from, to) in [
        ("-- RETURNS  nothing\n", ""),
        ("TIME, HSET", "TIME"),
        ("TIME, HSET", "HSET"),
        ("TIME, HSET", "TIME, HSET, HGET"),
        ("-- KEYS[1]  hash", "-- KEYS[2]  hash"),
        ("KEYS[1], ", "KEYS[2], "),
        ("a field", "nothing"),
        ("SCHEMA  a record", "none"),
        ("read_head(ARGV", "read_nothing(ARGV"),
        ("local now", "local no = redis.error_reply(\"LATE it is\")\nlocal now"),
    ] {
        assert!(changed(from, to) > 0, "{from:?} for {to:?} goes unnoticed");
    }
}
