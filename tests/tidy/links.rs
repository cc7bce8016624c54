//! Links in documents lead to files and headings that exist.

use std::path::{Component, Path, PathBuf};

use super::tree::{File, assert_tidy, files, root};

/// The targets of a document's links that are files of ours, each with its line.
fn targets(text: &str) -> Vec<(usize, String)> {
    let mut fenced = false;
    let mut found = Vec::new();
    for (index, line) in text.lines().enumerate() {
        if line.starts_with("```") {
            fenced = !fenced;
        }
        if fenced {
            continue;
        }
        for part in line.split("](").skip(1) {
            let target = part.split([')', ' ']).next().unwrap_or_default();
            if !target.contains("://") && !target.starts_with("mailto:") {
                found.push((index + 1, target.to_owned()));
            }
        }
    }
    found
}

fn broken(file: &File) -> Vec<String> {
    let wrong = |(line, target): (usize, String)| {
        let (path, heading) =
            target.split_once('#').map_or((&*target, None), |(path, rest)| (path, Some(rest)));
        let path = if path.is_empty() { file.path.clone() } else { beside(&file.path, path) };
        if path != file.path && !root().join(&path).exists() {
            return Some(format!("{}:{line}: there is no {path}; correct the link", file.path));
        }
        let heading = heading.filter(|_| path.ends_with(".md"))?;
        let text = if path == file.path { file.text.clone() } else { super::tree::read(&path) };
        let known = text.lines().filter(|line| line.starts_with('#')).any(|line| anchor(line) == heading);
        (!known).then(|| format!("{}:{line}: {path} has no heading #{heading}; correct the link", file.path))
    };
    targets(&file.text).into_iter().filter_map(wrong).collect()
}

/// The path that `target` means in the document at `document`.
fn beside(document: &str, target: &str) -> String {
    let mut path = PathBuf::from(document);
    path.pop();
    for part in Path::new(target).components() {
        match part {
            Component::ParentDir => {
                path.pop();
            }
            part => path.push(part),
        }
    }
    path.to_string_lossy().into_owned()
}

/// The anchor that a heading gets.
fn anchor(heading: &str) -> String {
    let words = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = words.chars().filter(|letter| letter.is_alphanumeric() || [' ', '-', '_'].contains(letter));
    kept.map(|letter| if letter == ' ' { '-' } else { letter }).collect()
}

#[test]
fn links_lead_to_files_and_headings_that_exist() {
    assert_tidy(files("", &[".md"]).iter().flat_map(broken));
}

#[test]
fn this_rule_has_teeth() {
    let file = |text: &str| File { path: "docs/a.md".to_owned(), text: text.to_owned() };
    for text in ["[x](gone.md)", "# A\n[x](#b)", "[x](../README.md#no-such-heading)", "[x](../docs/gone.md)"]
    {
        assert_eq!(broken(&file(text)).len(), 1, "{text}");
    }
    let right = "# A b, c\n[x](#a-b-c) [y](../README.md#try-it) [z](https://example.com/gone) [](../crates)";
    assert_eq!(broken(&file(right)), Vec::<String>::new());
}
