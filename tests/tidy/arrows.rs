//! The arrows between crates are those drawn in `docs/ARCHITECTURE.md`.

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::Value;

use super::tree::{assert_tidy, line_of, read, root};

const DRAWING: &str = "docs/ARCHITECTURE.md";

/// From, to, and as it is drawn: `-->`, or `-.->` for tests only.
type Arrow = (String, String, &'static str);

/// The arrows of `cargo metadata`.
fn real() -> BTreeSet<Arrow> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(root())
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo writes JSON");
    let packages = metadata["packages"].as_array().expect("there are packages");
    let mut arrows = BTreeSet::new();
    for package in packages {
        for dependency in
            package["dependencies"].as_array().expect("a list").iter().filter(|d| d["path"].is_string())
        {
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            let drawn = if dependency["kind"] == "dev" { "-.->" } else { "-->" };
            arrows.insert((text(&package["name"]), text(&dependency["name"]), drawn));
        }
    }
    arrows
}

/// The arrows of a drawing.
fn drawn(text: &str) -> BTreeSet<Arrow> {
    let drawing =
        text.split("```mermaid").nth(1).and_then(|rest| rest.split("```").next()).unwrap_or_default();
    let arrow = |line: &str| {
        ["-.->", "-->"].into_iter().find_map(|kind| {
            let (from, to) = line.split_once(kind)?;
            Some((from.trim().to_owned(), to.trim().to_owned(), kind))
        })
    };
    drawing.lines().filter_map(arrow).collect()
}

fn differences(real: &BTreeSet<Arrow>, text: &str) -> Vec<String> {
    let line = line_of(text, "```mermaid");
    let drawn = drawn(text);
    let missing = real.difference(&drawn).map(|(from, to, kind)| {
        format!("{DRAWING}:{line}: `{from} {kind} {to}` is not drawn; draw it, or take the dependency out of Cargo.toml")
    });
    let stale = drawn.difference(real).map(|(from, to, kind)| {
        format!(
            "{DRAWING}:{line}: `{from} {kind} {to}` is drawn and there is no such dependency; take it out"
        )
    });
    missing.chain(stale).collect()
}

#[test]
fn every_arrow_between_crates_is_drawn() {
    let real = real();
    assert!(!real.is_empty(), "cargo metadata lists no dependency between the crates");
    assert_tidy(differences(&real, &read(DRAWING)));
}

#[test]
fn this_rule_has_teeth() {
    let real =
        BTreeSet::from([("a".to_owned(), "b".to_owned(), "-->"), ("a".to_owned(), "c".to_owned(), "-.->")]);
    let text = |body: &str| format!("# A\n```mermaid\ngraph TD\n{body}```\n");
    assert!(differences(&real, &text("  a --> b\n  a -.-> c\n  d\n")).is_empty());
    assert_eq!(differences(&real, &text("  a --> b\n")).len(), 1, "one is missing");
    assert_eq!(differences(&real, &text("  a --> b\n  a --> c\n")).len(), 2, "one is drawn as another kind");
    assert!(
        differences(&real, &text("  a --> b\n  a -.-> c\n  b --> c\n"))[0]
            .starts_with("docs/ARCHITECTURE.md:2: ")
    );
}
