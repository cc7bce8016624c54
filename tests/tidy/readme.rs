//! The README is true: its map, its table of promises, its options.

use std::collections::BTreeSet;
use std::fs;

use super::tree::{assert_tidy, files, line_of, read, root};

/// What may stand at the top level beside folders in the map and dot files.
const FILES: [&str; 10] = [
    "CHANGELOG.md",
    "Cargo.lock",
    "Cargo.toml",
    "Dockerfile",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "README.md",
    "clippy.toml",
    "docker-compose.yml",
    "rustfmt.toml",
];

/// The folders that the top level may have.
const FOLDERS: [&str; 6] = ["benches", "crates", "docs", "examples", "lua", "tests"];

fn entries(folder: &str) -> Vec<String> {
    let entries = fs::read_dir(root().join(folder)).expect("the folder is there");
    entries.map(|entry| entry.expect("it can be read").file_name().to_string_lossy().into_owned()).collect()
}

/// The rows of a table that begin with a name in backticks.
fn names_in_table(section: &str) -> BTreeSet<String> {
    let name = |line: &str| Some(line.strip_prefix("| `")?.split('`').next()?.to_owned());
    section.lines().filter_map(name).collect()
}

fn section<'a>(readme: &'a str, heading: &str) -> &'a str {
    let rest = readme.split(heading).nth(1).unwrap_or_else(|| panic!("README.md has no {heading:?}"));
    rest.split("\n## ").next().unwrap_or(rest)
}

/// What the map leaves out, or has too much.
fn map_differences(map: &BTreeSet<String>, folders: &BTreeSet<String>, line: usize) -> Vec<String> {
    let missing = folders.difference(map).map(|folder| {
        format!("README.md:{line}: the map has no row for `{folder}`; say in one sentence what is in it")
    });
    let stale = map.difference(folders).map(|folder| {
        format!("README.md:{line}: the map has a row for `{folder}`, which is not there; take it out")
    });
    missing.chain(stale).collect()
}

#[test]
fn the_top_level_is_a_table_of_contents() {
    let strangers = entries("").into_iter().filter(|name| {
        let known = FILES.contains(&name.as_str()) || FOLDERS.contains(&name.as_str());
        !known && name != "target" && !name.starts_with('.')
    });
    assert_tidy(
        strangers.map(|name| format!("{name}:1: does not belong at the top level; put it into a folder")),
    );
}

#[test]
fn the_map_has_every_folder_and_crate() {
    let readme = read("README.md");
    let mut folders: BTreeSet<String> = FOLDERS.iter().map(|&folder| folder.to_owned()).collect();
    folders.extend(entries("crates").into_iter().map(|name| format!("crates/{name}")));
    let map = names_in_table(section(&readme, "\n## Map\n"));
    assert_tidy(map_differences(&map, &folders, line_of(&readme, "\n## Map\n") + 1));
}

/// What is wrong with the rows of the promises.
fn promise_faults(readme: &str) -> Vec<String> {
    let mut faults = Vec::new();
    for number in 1..=13 {
        let start = format!("| G{number} | ");
        let Some((index, row)) = readme.lines().enumerate().find(|(_, line)| line.starts_with(&start)) else {
            faults.push(format!("README.md:1: the table of promises has no row G{number}; add it"));
            continue;
        };
        let today = row.split(" | ").nth(2).unwrap_or_default();
        let shown = today.split("](").skip(1).filter_map(|part| part.split(')').next());
        let tests: Vec<&str> = shown.filter(|path| path.ends_with(".rs")).collect();
        if !["Held", "In part", "Not yet"].iter().any(|state| today.starts_with(state)) {
            faults.push(format!("README.md:{}: say `Held`, `In part` or `Not yet` of G{number}", index + 1));
        }
        if !today.starts_with("Not yet") && tests.is_empty() {
            faults.push(format!("README.md:{}: name the tests that show G{number}", index + 1));
        }
        let gone = tests.iter().filter(|path| !root().join(path).is_file());
        faults
            .extend(gone.map(|path| format!("README.md:{}: there is no test {path}; correct it", index + 1)));
    }
    faults
}

#[test]
fn every_promise_names_tests_that_exist() {
    assert_tidy(promise_faults(&read("README.md")));
}

/// The environment variables that options of `serve` are declared with.
fn declared_variables() -> BTreeSet<String> {
    let sources = [read("crates/server/src/config.rs"), read("crates/server/src/commands/serve.rs")];
    let variables = sources.iter().flat_map(|text| text.split("env = \"").skip(1));
    variables.filter_map(|part| Some(part.split('"').next()?.to_owned())).collect()
}

#[test]
fn the_configuration_table_has_every_option() {
    let readme = read("README.md");
    let table = section(&readme, "\n## Configuration of `tollgate serve`\n");
    // What stands behind the table may name variables of other commands.
    let rows = table.lines().filter(|line| line.starts_with('|'));
    let words = rows.flat_map(|row| row.split('`'));
    let listed: BTreeSet<String> =
        words.filter(|word| word.starts_with("TOLLGATE_")).map(str::to_owned).collect();
    let line = line_of(&readme, "\n## Configuration of") + 1;
    let differing = declared_variables();
    let differing = differing.symmetric_difference(&listed);
    assert_tidy(differing.map(|name| {
        format!(
            "README.md:{line}: {name} is either in the table or an option of serve, not both; make them agree"
        )
    }));
}

#[test]
fn no_document_has_a_line_to_be_filled_in() {
    let open = ["TODO", "FIXME", "XXX", "TBD"];
    let faults = files("", &[".md"]).into_iter().flat_map(|file| {
        let lines: Vec<_> = file.text.lines().map(str::to_owned).enumerate().collect();
        lines.into_iter().filter(|(_, line)| open.iter().any(|word| line.contains(word))).map(
            move |(index, _)| {
                format!(
                    "{}:{}: says that something is missing; write it, or say what is not there yet",
                    file.path,
                    index + 1
                )
            },
        )
    });
    assert_tidy(faults);
}

#[test]
fn these_rules_have_teeth() {
    let set = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<BTreeSet<_>>();
    let map = names_in_table("| Folder | x |\n|---|---|\n| `lua` | scripts |\n| `gone` | nothing |\n");
    assert_eq!(map, set(&["lua", "gone"]));
    assert_eq!(map_differences(&map, &set(&["lua", "docs"]), 7).len(), 2);
    assert_eq!(promise_faults("").len(), 13);
    let row = |today: &str| format!("| G1 | Never over. | {today} | none |");
    for today in ["Held", "Held: [t](tests/gone.rs)", "Perhaps: [t](tests/tidy.rs)"] {
        assert_eq!(promise_faults(&row(today)).len(), 13, "{today}");
    }
    for today in ["Held: [t](tests/tidy.rs)", "Not yet"] {
        assert_eq!(promise_faults(&row(today)).len(), 12, "{today}");
    }
}
