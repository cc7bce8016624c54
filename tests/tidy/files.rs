//! Rules for every source file: not too long, and opened by what it is.

use super::tree::{File, assert_tidy, files};

/// Longest Rust file. A longer one holds more than one noun.
const LINES_MOST: usize = 400;

fn too_long(file: &File) -> Option<String> {
    let lines = file.text.lines().count();
    (lines > LINES_MOST)
        .then(|| format!("{}:{lines}: {lines} lines, at most {LINES_MOST}; split it by its nouns", file.path))
}

fn unopened(file: &File) -> Option<String> {
    let mark = if file.path.ends_with(".lua") { "-- " } else { "//! " };
    let first = file.text.lines().next().unwrap_or_default();
    let opened = first.strip_prefix(mark).is_some_and(|sentence| sentence.chars().any(char::is_alphabetic));
    (!opened)
        .then(|| format!("{}:1: begin it with one sentence that says what it is, after `{mark}`", file.path))
}

#[test]
fn no_rust_file_is_too_long() {
    assert_tidy(files("", &[".rs"]).iter().filter_map(too_long));
}

#[test]
fn every_source_file_opens_with_what_it_is() {
    assert_tidy(files("", &[".rs", ".lua"]).iter().filter_map(unopened));
}

#[test]
fn these_rules_have_teeth() {
    let file = |path: &str, text: &str| File { path: path.to_owned(), text: text.to_owned() };
    assert!(too_long(&file("a.rs", &"\n".repeat(401))).is_some());
    assert!(too_long(&file("a.rs", &"\n".repeat(400))).is_none());
    for (path, text) in
        [("a.rs", "use b;"), ("a.rs", "//! "), ("a.rs", ""), ("a.lua", "//! A."), ("mod.rs", "mod a;")]
    {
        assert!(unopened(&file(path, text)).is_some(), "{path}: {text}");
    }
    assert!(unopened(&file("a.lua", "-- Adds.")).is_none());
}
