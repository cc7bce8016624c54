//! `tollgate health`: asks a running service whether it is ready; for container health checks.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use clap::Args;

use super::failed;

/// Less than the time limit that container engines commonly set.
const WITHIN: Duration = Duration::from_secs(3);

/// Ask a running service whether it is ready
///
/// Exit codes: 0 it is, 1 it is not or does not answer within 3s.
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// What to ask, over plain HTTP: /readyz whether it can grant anything, /healthz whether it is up
    #[arg(long, env = "TOLLGATE_HEALTH_URL", default_value = "http://127.0.0.1:8080/readyz")]
    url: String,
}

/// Says on standard error why it is not.
pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    match ask(&arguments.url) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(&error.context(format!("{} is not healthy", arguments.url)), 1),
    }
}

/// One request by hand: an HTTP client for a status line would be most of the binary.
fn ask(url: &str) -> anyhow::Result<()> {
    let rest = url.strip_prefix("http://").context("expected http://HOST:PORT/PATH")?;
    let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    ensure!(!url.contains(char::is_whitespace), "a URL has no blanks");
    let path = if path.is_empty() { "/" } else { path };
    let authority = if host.contains(':') { host.to_owned() } else { format!("{host}:80") };
    let address = authority.to_socket_addrs()?.next().context("the host has no address")?;
    let mut stream = TcpStream::connect_timeout(&address, WITHIN)?;
    stream.set_read_timeout(Some(WITHIN))?;
    stream.set_write_timeout(Some(WITHIN))?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")?;
    let mut status_line = String::new();
    BufReader::new(stream).read_line(&mut status_line)?;
    match status_line.split(' ').nth(1) {
        Some(status) if status.starts_with('2') => Ok(()),
        Some(status) => bail!("it answers {}", status.trim()),
        None => bail!("it gives no answer"),
    }
}
