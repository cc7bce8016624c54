//! The numbers that scripts answer mean the same in Lua and in Rust.

use std::collections::{BTreeMap, BTreeSet};

use super::script::Script;
use super::tree::{assert_tidy, line_of, read};

/// `local A, B = 0, 1` as a map, from the line that declares `first`.
fn numbers(script: &Script, first: &str) -> BTreeMap<String, u64> {
    let start = format!("local {first}, ");
    let declared = script.code.iter().find(|line| line.starts_with(&start));
    let (names, values) = declared
        .and_then(|line| line.strip_prefix("local ")?.split_once(" = "))
        .unwrap_or_else(|| panic!("{} does not declare {first}", script.path));
    let values = values.split(", ").map(|value| value.parse().expect("a number"));
    names.split(", ").map(str::to_owned).zip(values).collect()
}

/// The number in front of `=> ... variant` in a `match`.
fn number_of(source: &str, variant: &str) -> Option<u64> {
    let arm = source.lines().find(|line| line.contains("=> ") && ends_in(line, variant))?;
    arm.split("=>").next()?.trim().parse().ok()
}

/// Whether `::variant` is a word of the line.
fn ends_in(line: &str, variant: &str) -> bool {
    let named = format!("::{variant}");
    line.split(&named).skip(1).any(|after| !after.starts_with(|letter: char| letter.is_alphanumeric()))
}

fn differences(lua: &BTreeMap<String, u64>, path: &str, source: &str, pairs: &[(&str, &str)]) -> Vec<String> {
    let differing =
        pairs.iter().filter(|(name, variant)| lua.get(*name).copied() != number_of(source, variant));
    let complaint = |(name, variant): &(&str, &str)| {
        let (said, line) = (lua.get(*name), line_of(source, &format!("::{variant}")));
        format!("{path}:{line}: {variant} is not the {said:?} that {name} is in Lua; make them the same")
    };
    differing.map(complaint).collect()
}

#[test]
fn the_statuses_of_the_prelude_are_those_of_the_rust_side() {
    let lua = numbers(&Script::prelude(), "OK");
    let reply = "crates/client/src/engine/reply.rs";
    let pairs = [("OK", "Done"), ("LOST", "Lost"), ("STALE", "Stale"), ("SUPERSEDED", "Superseded")];
    assert_tidy(differences(&lua, reply, &read(reply), &pairs));
    let policy = "crates/client/src/engine/policy.rs";
    assert_tidy(differences(&lua, policy, &read(policy), &[("OK", "Written"), ("CONFLICT", "Conflict")]));
    assert_eq!(lua.len(), 5, "a status is new: compare it here too");
}

#[test]
fn the_outcomes_of_a_settlement_are_those_of_the_rust_side() {
    let scripts = Script::all();
    let settle = scripts.iter().find(|script| script.path == "lua/settle.lua").expect("there is settle.lua");
    let path = "crates/client/src/engine/settle.rs";
    let pairs = [("SETTLED", "Settled"), ("SETTLED_BEFORE", "SettledBefore"), ("TOO_LATE", "TooLate")];
    assert_tidy(differences(&numbers(settle, "SETTLED"), path, &read(path), &pairs));
}

/// The statuses that a script can answer: those it names, and those of the functions of parts that it calls.
fn answered(script: &Script, parts: &[Script], lua: &BTreeMap<String, u64>) -> Vec<u64> {
    let own = script.code.iter().flat_map(|line| words(line));
    let named: BTreeSet<String> = own.chain(script.brought(parts, words)).collect();
    lua.iter().filter(|(name, _)| named.contains(*name)).map(|(_, number)| *number).collect()
}

fn words(text: &str) -> BTreeSet<String> {
    text.split(|letter: char| !letter.is_alphanumeric() && letter != '_').map(str::to_owned).collect()
}

#[test]
fn a_head_lists_the_statuses_that_its_body_answers() {
    let (lua, parts) = (numbers(&Script::prelude(), "OK"), Script::parts());
    let mut complaints = Vec::new();
    for script in Script::all() {
        let Some(returns) = script.said("RETURNS") else { continue };
        let Some(listed) = returns.text.split(" status ").nth(1) else { continue };
        // `0 ok | 1 no such namespace`, up to the next field of the reply, whose name has wide space behind it.
        let listed = listed.trim_start().split("  ").next().unwrap_or_default();
        let listed =
            listed.split(" | ").filter_map(|item| item.trim().split(' ').next()?.parse::<u64>().ok());
        let mut listed: Vec<u64> = listed.collect();
        let mut answered = answered(&script, &parts, &lua);
        listed.sort_unstable();
        answered.sort_unstable();
        if listed != answered {
            let place = format!("{}:{}", script.path, returns.line);
            complaints.push(format!(
                "{place}: RETURNS lists the statuses {listed:?}, the body answers {answered:?}"
            ));
        }
    }
    assert_tidy(complaints);
}

#[test]
fn these_rules_have_teeth() {
    let lua = BTreeMap::from([("OK".to_owned(), 0), ("LOST".to_owned(), 1)]);
    let pairs = [("OK", "Done"), ("LOST", "Lost")];
    let right = "match x {\n    0 => Self::Done(1),\n    1 => Self::Lost,\n}";
    assert!(differences(&lua, "x.rs", right, &pairs).is_empty());
    for (from, to) in [("0 =>", "2 =>"), ("Lost", "LostAgain"), ("    1 => Self::Lost,\n", "")] {
        assert_eq!(
            differences(&lua, "x.rs", &right.replace(from, to), &pairs).len(),
            1,
            "{from:?} for {to:?}"
        );
    }
}
