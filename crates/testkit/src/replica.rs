//! A replica: one process of the real binary, on a port of its own.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Command, ExitStatus};
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::process::Signal;
use tempfile::NamedTempFile;

use crate::process::Process;
use crate::replica_binary::replica_binary;
use crate::wait::eventually;

/// A replica is up in well under a second; a machine busy with compilers may need much longer.
const START_PATIENCE: Duration = Duration::from_secs(30);
/// Longer than any call in flight may take to be answered.
const END_PATIENCE: Duration = Duration::from_secs(60);
/// What the binary prints once it knows its port.
const LISTENING: &str = "listening on ";

/// `tollgate serve` as a process, killed when dropped; its last output is shown when the test fails.
#[derive(Debug)]
pub struct Replica {
    process: Process,
    base_url: String,
    // Kept for as long as the replica may read it again.
    _policy: Option<NamedTempFile>,
}

/// What a replica is started with; made by [`Replica::builder`].
#[derive(Debug, Default)]
pub struct ReplicaBuilder {
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
    binary: Option<PathBuf>,
    policy: Option<String>,
}

impl ReplicaBuilder {
    /// The store's URL; without one the replica runs embedded.
    #[must_use]
    pub fn store(self, url: impl Into<String>) -> Self {
        self.argument("--store").argument(url)
    }

    /// The namespace it serves.
    #[must_use]
    pub fn namespace(self, namespace: &str) -> Self {
        self.argument("--namespace").argument(namespace)
    }

    /// The policy's text, in TOML; it gets a file of its own.
    #[must_use]
    pub fn policy(mut self, text: impl Into<String>) -> Self {
        self.policy = Some(text.into());
        self
    }

    /// One more argument of `tollgate serve`.
    #[must_use]
    pub fn argument(mut self, argument: impl Into<String>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// One more environment variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl Into<String>) -> Self {
        self.environment.push((name.to_owned(), value.into()));
        self
    }

    /// The binary, where it is not the one that all tests run.
    #[must_use]
    pub fn binary(mut self, path: impl Into<PathBuf>) -> Self {
        self.binary = Some(path.into());
        self
    }

    /// Starts it and waits until it is ready.
    ///
    /// # Errors
    /// When it can't be built, ends early or does not become ready: with what it printed.
    pub async fn start(self) -> Result<Replica> {
        // Off the test's own thread: a proxy on it may stand between the replica and its store.
        tokio::task::spawn_blocking(move || self.start_blocking()).await?
    }

    fn start_blocking(self) -> Result<Replica> {
        let binary = match self.binary {
            Some(binary) => binary,
            None => replica_binary()?.to_owned(),
        };
        let mut command = Command::new(binary);
        command.args(["serve", "--listen", "127.0.0.1:0"]).args(&self.arguments).envs(self.environment);
        let policy = self.policy.as_deref().map(policy_file).transpose()?;
        if let Some(file) = &policy {
            command.arg("--policy").arg(file.path());
        }
        let process = Process::spawn("tollgate serve", &mut command)?;
        let log = process.log();
        let base_url = log
            .wait_for(START_PATIENCE, |lines| {
                lines.iter().find_map(|line| line.strip_prefix(LISTENING)).map(|url| url.trim().to_owned())
            })
            .context("the replica does not say where it listens")?;
        log.wait_for(START_PATIENCE, |_| is_ready(&base_url).then_some(()))
            .context("the replica is not ready")?;
        Ok(Replica { process, base_url, _policy: policy })
    }
}

impl Replica {
    /// Settings for a replica.
    #[must_use]
    pub fn builder() -> ReplicaBuilder {
        ReplicaBuilder::default()
    }

    /// `http://127.0.0.1:PORT`, or with `https://` where it speaks TLS.
    #[must_use]
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// The URL of a path that starts with a slash.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base_url)
    }

    /// What it has printed so far.
    #[must_use]
    pub fn log(&self) -> String {
        self.process.log().text()
    }

    /// Asks it to end (SIGTERM) and waits until it has answered what is in flight and ended.
    pub async fn terminate(&mut self) -> Result<ExitStatus> {
        self.process.signal(Signal::TERM)?;
        let process = &mut self.process;
        let ended = eventually("the replica to end", END_PATIENCE, async || {
            process.try_wait().transpose().ok_or("it still runs")
        });
        ended.await?
    }

    /// Kills it (SIGKILL), as a power cut would.
    pub fn kill(&mut self) -> Result<()> {
        self.process.kill().map(drop)
    }

    /// Freezes it (SIGSTOP), as a long pause of its machine would.
    pub fn stop(&self) -> Result<()> {
        self.process.signal(Signal::STOP)
    }

    /// Lets a frozen replica go on (SIGCONT).
    pub fn cont(&self) -> Result<()> {
        self.process.signal(Signal::CONT)
    }
}

fn policy_file(text: &str) -> Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    let mut file =
        builder.prefix("policy-").suffix(".toml").tempfile().context("cannot make a policy file")?;
    file.write_all(text.as_bytes()).context("cannot write the policy")?;
    Ok(file)
}

/// One request by hand: the kit needs no HTTP client for a status line. Where TLS is spoken it has to do that somebody
/// accepts.
fn is_ready(base_url: &str) -> bool {
    if let Some(address) = base_url.strip_prefix("https://") {
        return TcpStream::connect(address).is_ok();
    }
    let status_line = || -> std::io::Result<String> {
        let mut stream = TcpStream::connect(base_url.trim_start_matches("http://"))?;
        stream.set_read_timeout(Some(Duration::from_secs(1)))?;
        stream.write_all(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
        let mut line = String::new();
        BufReader::new(stream).read_line(&mut line)?;
        Ok(line)
    };
    status_line().is_ok_and(|line| line.starts_with("HTTP/1.1 200"))
}
