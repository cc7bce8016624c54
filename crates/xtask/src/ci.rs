//! `cargo xtask ci`: what must hold before a change is merged.

use std::time::Duration;

use anyhow::{Result, bail};

use crate::step::{self, say, timed};
use crate::test::Test;
use crate::workspace::cargo;

/// A step's name, what came of it, and how long it took.
type Outcome = (&'static str, Result<()>, Duration);

/// Runs every step, also after one that failed: one run shows all there is to mend.
pub(crate) fn run() -> Result<()> {
    let outcomes = [
        step("test", || Test::default().run()),
        // A build that few need. Beside what is built by then it takes a minute and a half on two cores.
        step("traces", || {
            step::run(cargo().args([
                "test",
                "--workspace",
                "--features",
                "tollgate-server/otlp",
                "--test",
                "otlp",
            ]))
        }),
        step("format", || step::run(cargo().args(["fmt", "--all", "--check"]))),
        step("clippy", || {
            step::run(cargo().args(["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]))
        }),
        step("docs", || {
            step::run(cargo().args(["doc", "--workspace", "--no-deps"]).env("RUSTDOCFLAGS", "-D warnings"))
        }),
    ];
    conclude(&outcomes)
}

fn step(name: &'static str, work: impl FnOnce() -> Result<()>) -> Outcome {
    say(format_args!("step: {name}"));
    let (outcome, took) = timed(work);
    (name, outcome, took)
}

fn conclude(outcomes: &[Outcome]) -> Result<()> {
    say("summary:");
    for (name, outcome, took) in outcomes {
        match outcome {
            Ok(()) => println!("      {name}: passed in {took:.0?}"),
            Err(error) => println!("      {name}: FAILED in {took:.0?}: {error:#}"),
        }
    }
    let failed: Vec<&str> =
        outcomes.iter().filter(|(_, outcome, _)| outcome.is_err()).map(|(name, ..)| *name).collect();
    if !failed.is_empty() {
        bail!("failed: {}", failed.join(", "));
    }
    say("everything passed");
    Ok(())
}
