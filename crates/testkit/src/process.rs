//! A child process that ends with its owner.

use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process};

use crate::log::Log;

/// How much of a child's output a failed test shows.
const LINES_SHOWN: usize = 40;

/// Started once, signalled by its own id, killed and reaped when dropped.
#[derive(Debug)]
pub(crate) struct Process {
    name: String,
    child: Child,
    log: Arc<Log>,
}

impl Process {
    /// Starts the command with both of its output streams captured.
    pub(crate) fn spawn(name: impl Into<String>, command: &mut Command) -> Result<Self> {
        let name = name.into();
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {name}: {command:?}"))?;
        let log = Arc::new(Log::default());
        if let Some(stdout) = child.stdout.take() {
            log.follow(stdout);
        }
        if let Some(stderr) = child.stderr.take() {
            log.follow(stderr);
        }
        Ok(Self { name, child, log })
    }

    pub(crate) fn log(&self) -> &Log {
        &self.log
    }

    pub(crate) fn signal(&self, signal: Signal) -> Result<()> {
        kill_process(Pid::from_child(&self.child), signal)
            .with_context(|| format!("cannot send {signal:?} to {}", self.name))
    }

    /// How it ended, if it did.
    pub(crate) fn try_wait(&mut self) -> Result<Option<ExitStatus>> {
        self.child.try_wait().with_context(|| format!("cannot look after {}", self.name))
    }

    /// Ends it at once, as a power cut would.
    pub(crate) fn kill(&mut self) -> Result<ExitStatus> {
        self.child.kill().with_context(|| format!("cannot kill {}", self.name))?;
        self.child.wait().with_context(|| format!("cannot reap {}", self.name))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail only for a child that was reaped already, which is what they are for.
        let _ = self.child.kill();
        let _ = self.child.wait();
        // libtest captures this, and shows it when the test fails, be it by a panic or by an error it returned.
        print!("last output of {}:\n{}", self.name, self.log.tail(LINES_SHOWN));
    }
}
