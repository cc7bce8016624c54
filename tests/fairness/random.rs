//! Fleets drawn from a seed: what must hold of every one.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use tollgate_testkit::{Seed, Sizes};

use crate::draw::Draw;
use crate::scenario::Scenario;

/// One seed is one run, in a runtime and a time of its own.
fn run(seed: Seed) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build()?;
    let scenario = Scenario::draw(&mut Draw::new(seed));
    let held = runtime.block_on(scenario.run(&mut Draw::new(seed.derive("chaos"))));
    held.with_context(|| format!("{scenario:#?}"))
}

/// Goal: whatever fleet there is, nothing goes over, nothing is wasted, nobody starves, all are answered, and nothing
/// is left behind. Method: fleets drawn from seeds, each with a phase of crashes, cancellations and changes, and one in
/// which everybody wants more than there is.
#[test]
fn what_must_hold_holds_of_every_fleet() -> Result<()> {
    let mut failures = BTreeMap::new();
    let seeds = Seed::several((Sizes { ci: 24, long: 1_000 }).chosen())?;
    for &seed in &seeds {
        if let Err(error) = run(seed) {
            println!("{} fails: {error:?}", seed.replay_command());
            failures.insert(seed.value(), format!("{:#}", error.root_cause()));
        }
    }
    ensure!(failures.is_empty(), "{} of {} fleets: {failures:#?}", failures.len(), seeds.len());
    Ok(())
}
