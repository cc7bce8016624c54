//! A private Prometheus that scrapes what its test starts.

use std::env;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use tempfile::TempDir;

use crate::flavor::in_path;
use crate::port::ReservedPort;
use crate::process::Process;
use crate::ran_on::record_ran_on;

/// The program, and why there is none: `cargo xtask test` may set either.
const PROGRAM: &str = "TOLLGATE_PROMETHEUS";
const MISSING: &str = "TOLLGATE_PROMETHEUS_MISSING";

/// It takes less than a second; a machine busy with compilers may need much longer.
const START_PATIENCE: Duration = Duration::from_secs(30);

/// A server of its own, on a free port and in a temporary directory, ended when dropped; its last output is shown when
/// the test fails.
#[derive(Debug)]
pub struct Prometheus {
    // Dropped in this order: the process ends before its port and its directory are given back.
    process: Process,
    port: ReservedPort,
    _directory: TempDir,
}

impl Prometheus {
    /// Starts it on a configuration, with these files beside that, and waits until it is ready.
    ///
    /// # Errors
    /// When there is no Prometheus, with how to get one: what was not tested must not look as if it had been. When it
    /// does not become ready, with what it printed.
    pub fn start(config: &str, files: &[(&str, &str)]) -> Result<Self> {
        let program = program()?;
        let port = ReservedPort::new()?;
        let directory = tempfile::tempdir().context("cannot make a directory for Prometheus")?;
        for (name, text) in files.iter().chain([&("prometheus.yml", config)]) {
            fs::write(directory.path().join(name), text).with_context(|| format!("cannot write {name}"))?;
        }
        let mut command = Command::new(&program);
        command
            .arg("--config.file=prometheus.yml")
            .arg("--storage.tsdb.path=data")
            .arg(format!("--web.listen-address={}", port.address()))
            .current_dir(&directory);
        let process = Process::spawn("prometheus", &mut command)?;
        let address = port.address();
        process
            .log()
            .wait_for(START_PATIENCE, |_| is_ready(address).then_some(()))
            .with_context(|| format!("{} is not ready", program.display()))?;
        record_ran_on(&version(&program)?);
        Ok(Self { process, port, _directory: directory })
    }

    /// The URL of a path that starts with a slash.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.port.address())
    }

    /// What it has printed so far.
    #[must_use]
    pub fn log(&self) -> String {
        self.process.log().text()
    }
}

/// The checker that comes with Prometheus.
///
/// # Errors
/// When there is none.
pub fn promtool() -> Result<PathBuf> {
    let beside = program()?.with_file_name("promtool");
    if beside.is_file() {
        Ok(beside)
    } else {
        in_path("promtool").context("there is no promtool beside prometheus")
    }
}

/// `TOLLGATE_PROMETHEUS`, else the one in `PATH`.
fn program() -> Result<PathBuf> {
    if let Ok(reason) = env::var(MISSING) {
        bail!("Prometheus could not be got: {reason}");
    }
    if let Some(named) = env::var_os(PROGRAM).map(PathBuf::from) {
        ensure!(named.is_file(), "{PROGRAM} names {}, which is no file", named.display());
        return Ok(named);
    }
    in_path("prometheus").with_context(|| {
        format!("no prometheus in PATH: `cargo xtask test` gets one on a Debian, or name one in {PROGRAM}=/path/to/prometheus")
    })
}

/// `Prometheus 2.42.0`.
fn version(program: &PathBuf) -> Result<String> {
    let output = Command::new(program).arg("--version").output()?;
    // Some builds say so on one stream, some on the other.
    let said =
        [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    let mut words = said.split_whitespace().skip_while(|word| *word != "version");
    let version = words.nth(1).context("prometheus --version tells none")?;
    Ok(format!("Prometheus {}", version.split('+').next().unwrap_or(version)))
}

/// One request by hand: the kit needs no HTTP client for a status line.
fn is_ready(address: SocketAddr) -> bool {
    let status_line = || -> std::io::Result<String> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(Duration::from_secs(1)))?;
        stream.write_all(b"GET /-/ready HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
        let mut line = String::new();
        BufReader::new(stream).read_line(&mut line)?;
        Ok(line)
    };
    status_line().is_ok_and(|line| line.starts_with("HTTP/1.1 200"))
}
