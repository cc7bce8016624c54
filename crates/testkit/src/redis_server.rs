//! A private Redis or Valkey server that lives as long as its test.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::process::Signal;
use tempfile::TempDir;

use crate::address::Address;
use crate::flavor::Flavor;
use crate::port::ReservedPort;
use crate::process::Process;
use crate::ran_on::record_ran_on;
use crate::server_config::RedisServerBuilder;
use crate::version::{Product, ServerVersion};

/// It takes about 25 ms; a machine busy with compilers may need much longer.
const START_PATIENCE: Duration = Duration::from_secs(20);

/// The longest path that fits a unix socket's address is 107 bytes; this leaves room for the file's name.
const DIRECTORY_BYTES_MAX: usize = 90;

/// A server of its own on a unix socket in a temporary directory, saving nothing, ended when dropped.
///
/// When the test that owns it panics, its log is printed.
#[derive(Debug)]
pub struct RedisServer {
    // Dropped in this order: the process ends before its port and its directory are given back.
    process: Process,
    port: Option<ReservedPort>,
    flavor: Flavor,
    password: Option<String>,
    directory: TempDir,
}

impl RedisServer {
    /// Starts the server that [`Flavor::find`] finds, on a unix socket only.
    pub fn start() -> Result<Self> {
        Self::builder().start()
    }

    /// One running server of every version there is, for suites that must hold on all of them.
    pub fn start_every_version() -> Result<Vec<Self>> {
        Flavor::all_available()?.iter().map(|flavor| Self::builder().flavor(flavor).start()).collect()
    }

    /// Settings for a server that is different.
    #[must_use]
    pub fn builder() -> RedisServerBuilder {
        RedisServerBuilder::default()
    }

    pub(crate) fn launch(
        flavor: Flavor,
        port: Option<ReservedPort>,
        settings: &RedisServerBuilder,
    ) -> Result<Self> {
        let directory = short_directory()?;
        let config = settings.text(&flavor, &socket_in(&directory), port.as_ref());
        fs::write(config_in(&directory), config).context("cannot write redis.conf")?;
        let process = run(&flavor, &directory)?;
        let password = settings.password_set().map(str::to_owned);
        record_ran_on(&flavor.version().to_string());
        Ok(Self { process, port, flavor, password, directory })
    }

    /// `unix://...`, with the password if there is one.
    #[must_use]
    pub fn url(&self) -> String {
        Address::Unix(self.socket()).redis_url(self.password())
    }

    /// `redis://127.0.0.1:PORT/`, with the password if there is one.
    ///
    /// # Errors
    /// When the server was not built with [`tcp`](RedisServerBuilder::tcp).
    pub fn tcp_url(&self) -> Result<String> {
        let port = self.port.as_ref().context("this server has no port: RedisServer::builder().tcp()")?;
        Ok(Address::Tcp(port.address()).redis_url(self.password()))
    }

    /// The default user's password.
    #[must_use]
    pub fn password(&self) -> Option<&str> {
        self.password.as_deref()
    }

    /// The unix socket.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        socket_in(&self.directory)
    }

    /// The directory it runs in, for files that a test hands to it or finds there.
    #[must_use]
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// A plain blocking connection, for looking at the server from outside.
    pub fn connection(&self) -> Result<redis::Connection> {
        redis::Client::open(self.url())
            .and_then(|client| client.get_connection())
            .with_context(|| format!("cannot connect to {}", self.flavor.version()))
    }

    /// The fields of one section of INFO, for example `info("memory")?["used_memory"]`.
    pub fn info(&self, section: &str) -> Result<BTreeMap<String, String>> {
        let text: String = redis::cmd("INFO").arg(section).query(&mut self.connection()?)?;
        let fields = text.lines().filter_map(|line| line.split_once(':'));
        Ok(fields.map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }

    /// What the running server says it is.
    pub fn version(&self) -> Result<ServerVersion> {
        let info = self.info("server")?;
        // Valkey goes on naming the Redis release it is compatible with beside its own.
        let (product, release) = match info.get("valkey_version") {
            Some(release) => (Product::Valkey, release),
            None => (Product::Redis, info.get("redis_version").context("INFO server names no version")?),
        };
        ServerVersion::from_release(product, release)
    }

    /// The program it runs.
    #[must_use]
    pub fn flavor(&self) -> &Flavor {
        &self.flavor
    }

    /// What it has printed so far.
    #[must_use]
    pub fn log(&self) -> String {
        self.process.log().text()
    }

    /// Freezes it: connections stay open and nothing is answered until [`cont`](Self::cont).
    pub fn stop(&self) -> Result<()> {
        self.process.signal(Signal::STOP)
    }

    /// Lets a frozen server go on.
    pub fn cont(&self) -> Result<()> {
        self.process.signal(Signal::CONT)
    }

    /// Kills it; what it held is gone, and its address refuses connections.
    pub fn kill(&mut self) -> Result<()> {
        self.process.kill().map(drop)
    }

    /// Kills it if it still runs and starts an empty one at the same address, as a failover without its data would.
    pub fn restart(&mut self) -> Result<()> {
        self.process.kill()?;
        self.process = run(&self.flavor, &self.directory)?;
        Ok(())
    }
}

/// Starts the program on the configuration in the directory, and waits until it answers.
fn run(flavor: &Flavor, directory: &TempDir) -> Result<Process> {
    let mut command = Command::new(flavor.binary());
    command.arg(config_in(directory)).current_dir(directory);
    let process = Process::spawn(flavor.version().to_string(), &mut command)?;
    let socket = socket_in(directory);
    process
        .log()
        .wait_for(START_PATIENCE, |_| answers(&socket).then_some(()))
        .with_context(|| format!("{} ({}) does not answer", flavor.version(), flavor.binary().display()))?;
    Ok(process)
}

/// Whether it answers a PING, be it with a demand for a password; while it loads it is not there yet.
fn answers(socket: &Path) -> bool {
    let ping = || -> std::io::Result<String> {
        let mut stream = UnixStream::connect(socket)?;
        stream.set_read_timeout(Some(Duration::from_secs(1)))?;
        stream.write_all(b"PING\r\n")?;
        let mut answer = String::new();
        BufReader::new(stream).read_line(&mut answer)?;
        Ok(answer)
    };
    ping().is_ok_and(|answer| answer.ends_with('\n') && !answer.starts_with("-LOADING"))
}

/// A directory whose path leaves room for a unix socket, also where `TMPDIR` is far down.
fn short_directory() -> Result<TempDir> {
    let mut builder = tempfile::Builder::new();
    builder.prefix("tollgate-");
    let fits = std::env::temp_dir().as_os_str().len() <= DIRECTORY_BYTES_MAX - "/tollgate-123456".len();
    let directory = if fits { builder.tempdir() } else { builder.tempdir_in("/tmp") };
    directory.context("cannot make a directory for a server")
}

fn socket_in(directory: &TempDir) -> PathBuf {
    directory.path().join("redis.sock")
}

fn config_in(directory: &TempDir) -> PathBuf {
    directory.path().join("redis.conf")
}
