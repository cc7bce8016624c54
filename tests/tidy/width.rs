//! A rule for prose: comments and documents fit on a screen, beside each other.

use super::tree::{File, assert_tidy, files};

/// Most columns of a line of prose. Code is rustfmt's to break.
const COLUMNS_MOST: usize = 120;

/// The prose of a line: of a source file what is behind the mark of a comment, of a document all of it.
fn prose<'l>(file: &File, line: &'l str) -> Option<&'l str> {
    let mark = match file.path.rsplit_once('.')?.1 {
        "rs" => "//",
        "lua" => "--",
        _ => return Some(line),
    };
    Some(line.trim_start().strip_prefix(mark)?.trim_start_matches(['/', '!']))
}

/// Lines that are too wide. Tables, and code in the midst of prose, stay as they are.
fn too_wide(file: &File) -> Vec<String> {
    let (mut is_code, mut wide) = (false, Vec::new());
    for (number, line) in (1..).zip(file.text.lines()) {
        let Some(prose) = prose(file, line) else { continue };
        let begins = |mark: &str| prose.trim_start().starts_with(mark);
        is_code ^= begins("```");
        let columns = line.chars().count();
        if columns > COLUMNS_MOST && !is_code && !begins("|") {
            wide.push(format!(
                "{}:{number}: {columns} columns, at most {COLUMNS_MOST}; break it between words",
                file.path
            ));
        }
    }
    wide
}

#[test]
fn prose_is_not_too_wide() {
    assert_tidy(files("", &[".rs", ".lua", ".md"]).iter().flat_map(too_wide));
}

#[test]
fn this_rule_has_teeth() {
    let found = |path: &str, before: &str, begin: &str, columns: usize| {
        let text = format!("{before}{begin}{}", "x".repeat(columns - begin.len()));
        too_wide(&File { path: path.to_owned(), text }).len()
    };
    for (path, before, begin) in
        [("a.rs", "", "    /// "), ("a.lua", "-- ```\n-- code\n-- ```\n", "-- "), ("a.md", "", "* ")]
    {
        assert_eq!(found(path, before, begin, 120), 0, "{path}: as wide as may be");
        assert_eq!(found(path, before, begin, 121), 1, "{path}: wider");
    }
    for (path, before, begin) in [
        ("a.rs", "", "let a = "),
        ("a.rs", "", "/// | "),
        ("a.lua", "-- ```\n", "-- "),
        ("a.md", "", "| "),
        ("a.md", "```\n", ""),
    ] {
        assert_eq!(found(path, before, begin, 200), 0, "{path}: {begin}");
    }
}
