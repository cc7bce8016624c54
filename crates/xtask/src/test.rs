//! `cargo xtask test`: every test there is, on every server there is, on a machine that has none to begin with.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};
use clap::Args;

use crate::images;
use crate::prometheus;
use crate::ran_on::RanOn;
use crate::schemathesis;
use crate::servers::Servers;
use crate::step::{run, say, timed};
use crate::workspace::{cargo, target};

/// Run all tests; gets a Redis server where there is none
#[derive(Args, Default)]
pub(crate) struct Test {
    /// Run randomised tests at their long sizes
    #[arg(long)]
    long: bool,
    /// Run only tests whose name contains this
    #[arg(long)]
    filter: Option<String>,
}

impl Test {
    pub(crate) fn run(self) -> Result<()> {
        let servers = Servers::gather()?;
        let binary = build_binary()?;
        let images = images::build(&servers, &binary);
        if let Err(reason) = &images {
            say(format_args!("no local images: {reason:#}"));
        }

        let schemathesis = schemathesis::install();
        if let Err(reason) = &schemathesis {
            say(format_args!("no schemathesis, and so its suite will fail: {reason:#}"));
        }

        let prometheus = prometheus::find();
        if let Err(reason) = &prometheus {
            say(format_args!("no prometheus, and so its suite will fail: {reason:#}"));
        }

        let ran_on = RanOn::begin()?;
        let mut command = cargo();
        command.args(["test", "--workspace", "--no-fail-fast"]);
        set_environment(&mut command, &servers)?;
        command.env("TOLLGATE_BIN", binary).env("TOLLGATE_RAN_ON", ran_on.path());
        // A reason is passed on, for the suite to fail with: what was not tested must not look as if it had been.
        match schemathesis {
            Ok(program) => command.env("TOLLGATE_SCHEMATHESIS", program),
            Err(reason) => command.env("TOLLGATE_SCHEMATHESIS_MISSING", format!("{reason:#}")),
        };
        match prometheus {
            Ok(program) => command.env("TOLLGATE_PROMETHEUS", program),
            Err(reason) => command.env("TOLLGATE_PROMETHEUS_MISSING", format!("{reason:#}")),
        };
        if images.is_ok() {
            command.env("TOLLGATE_TEST_REDIS_IMAGE", images::REDIS_IMAGE);
            command.env("TOLLGATE_TEST_TOLLGATE_IMAGE", images::TOLLGATE_IMAGE);
        }
        if self.long {
            command.env("TOLLGATE_LONG", "1");
        }
        if let Some(filter) = self.filter {
            command.arg("--").arg(filter);
        }
        let (tested, took) = timed(|| run(&mut command));

        say("servers:");
        servers.summary().iter().for_each(|line| println!("      {line}"));
        say("what ran where:");
        ran_on.summary().iter().for_each(|line| println!("      {line}"));
        say(format_args!("tests {} in {:.0?}", if tested.is_ok() { "passed" } else { "FAILED" }, took));
        tested
    }
}

/// Builds the binary that replicas run, in the profile of the tests.
pub(crate) fn build_binary() -> Result<PathBuf> {
    run(cargo().args(["build", "--package", "tollgate-server", "--bin", "tollgate"]))?;
    target().join("debug/tollgate").canonicalize().context("cargo built no binary `tollgate`")
}

/// Tells the test kit where the servers are.
pub(crate) fn set_environment(command: &mut Command, servers: &Servers) -> Result<()> {
    command.env("TOLLGATE_SERVERS", servers.paths()?);
    if let Some(server) = servers.first() {
        command.env("TOLLGATE_REDIS_SERVER", &server.path);
    }
    Ok(())
}
