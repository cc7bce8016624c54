//! `cargo xtask simulate`: as many simulated fleets as there is time for.

use anyhow::Result;
use clap::Args;

use crate::step::run;
use crate::workspace::cargo;

/// Run fleets drawn from seeds in virtual time; one that fails is printed with the command that replays it
#[derive(Args)]
pub(crate) struct Simulate {
    /// How many seeds
    #[arg(long, default_value_t = 1_000)]
    seeds: usize,
}

impl Simulate {
    pub(crate) fn run(self) -> Result<()> {
        let mut command = cargo();
        command.args(["test", "--package", "suite", "--test", "fairness", "--", "--exact", "--nocapture"]);
        command.arg("random::what_must_hold_holds_of_every_fleet");
        command.env("TOLLGATE_SEEDS", self.seeds.to_string());
        run(&mut command)
    }
}
