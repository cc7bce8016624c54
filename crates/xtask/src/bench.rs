//! `cargo xtask bench`: the benches, on the servers that the tests use.

use anyhow::Result;
use clap::Args;

use crate::servers::Servers;
use crate::step::run;
use crate::test::set_environment;
use crate::workspace::cargo;

/// Run the benches; gets a Redis server where there is none
#[derive(Args)]
pub(crate) struct Bench {
    /// Run only benches whose name contains this
    #[arg(long)]
    filter: Option<String>,
}

impl Bench {
    pub(crate) fn run(self) -> Result<()> {
        let servers = Servers::gather()?;
        let mut command = cargo();
        command.args(["bench", "--package", "suite", "--benches"]);
        set_environment(&mut command, &servers)?;
        if let Some(filter) = self.filter {
            command.arg("--").arg(filter);
        }
        run(&mut command)
    }
}
