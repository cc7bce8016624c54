//! The command, run as a user runs it.

use std::process::{Child, Command, Output, Stdio};

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tollgate_testkit::replica_binary;

/// A demo that runs. When it is dropped it is killed.
pub(crate) struct Running(Option<Child>);

fn command(arguments: &[&str]) -> Result<Command> {
    let mut command = Command::new(replica_binary()?);
    command.arg("demo").args(arguments).env_remove("TOLLGATE_DEMO_STORE");
    Ok(command)
}

/// Runs it to its end.
pub(crate) fn run(arguments: &[&str]) -> Result<Output> {
    Ok(command(arguments)?.output()?)
}

/// Starts it.
pub(crate) fn start(arguments: &[&str]) -> Result<Running> {
    let mut command = command(arguments)?;
    Ok(Running(Some(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?)))
}

impl Running {
    /// What ctrl-c sends.
    pub(crate) fn interrupt(&self) -> Result<()> {
        let child = self.0.as_ref().context("it runs")?;
        Ok(kill_process(Pid::from_child(child), Signal::INT)?)
    }

    /// Waits for its end.
    pub(crate) fn end(mut self) -> Result<Output> {
        Ok(self.0.take().context("it runs")?.wait_with_output()?)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(child) = &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// The JSON object on standard output, which is all that may be there.
pub(crate) fn json(output: &Output) -> Result<Value> {
    let (said, told) = (text(&output.stdout), text(&output.stderr));
    anyhow::ensure!(output.status.success(), "{}: {told}", output.status);
    anyhow::ensure!(told.is_empty(), "standard error is no terminal: {told}");
    serde_json::from_str(&said).with_context(|| format!("no JSON: {said}"))
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
