//! What the demo can't be run with: told with the option's name and what would be right, by the exit code of a wrong
//! command line.

use anyhow::{Result, ensure};

use super::command::{run, text};

/// Goal: every bad input ends at once, says why, and shows no password. Method: each option with what it can't be.
#[test]
fn what_is_wrong_is_told_at_once() -> Result<()> {
    for (arguments, code, words) in [
        (&["--replicas", "0"][..], 2, "replicas: 0, expected 1 to 32"),
        (&["--replicas", "33"], 2, "replicas: 33, expected 1 to 32"),
        (&["--orgs", "0"], 2, "orgs: 0, expected 1 to 100"),
        (&["--orgs", "101"], 2, "orgs: 101, expected 1 to 100"),
        (&["--seconds", "8"], 2, "seconds: 8, expected 9 to 3600, as scenario hidden has windows of 3 s"),
        (&["--seconds", "3601"], 2, "expected 9 to 3600"),
        (&["--scenario", "known", "--seconds", "14"], 2, "expected 15 to 3600"),
        (&["--scenario", "gone"], 2, "possible values: known, hidden, noisy-neighbour, lowered"),
        (&["--seed", "-1"], 2, "invalid value '-1' for '--seed <NUMBER>'"),
        (&["--seconds", "soon"], 2, "invalid value 'soon' for '--seconds <NUMBER>'"),
        (&["--store", "redis//:s3cret@host"], 2, "redis://host:6379"),
        (&["--store", "redis://:s3cret@127.0.0.1:1/"], 1, "the store at 127.0.0.1:1 can't be reached"),
    ] {
        let output = run(arguments)?;
        let (said, told) = (text(&output.stdout), text(&output.stderr));
        ensure!(output.status.code() == Some(code), "{arguments:?}: {}: {told}", output.status);
        ensure!(told.contains(words), "{arguments:?}: {told}");
        ensure!(said.is_empty() && !told.contains("s3cret"), "{arguments:?}: {said}{told}");
    }
    Ok(())
}

/// Goal: help explains each scenario, and what is not reproducible. Method: it is read.
#[test]
fn help_explains_every_scenario() -> Result<()> {
    let output = run(&["--help"])?;
    let help = text(&output.stdout).split_whitespace().collect::<Vec<_>>().join(" ");
    for words in [
        "- known: the provider does what the policy says",
        "- hidden: 900 calls in 3 s are known",
        "- noisy-neighbour: 900 calls",
        "- lowered: 900 calls",
        "the figures, differ from run to run",
        "null where the batch takes longer",
        "Exit codes:",
    ] {
        ensure!(help.contains(words), "{words}: {help}");
    }
    Ok(())
}
