//! The commands of the binary, one file each; those about a provider in a folder of its name.

mod api_key;
pub(crate) mod audit;
mod bucket_filter;
pub(crate) mod buckets;
mod by;
pub(crate) mod check_policy;
mod columns;
pub(crate) mod completions;
mod connection;
pub(crate) mod demo;
pub(crate) mod diagnosis;
pub(crate) mod doctor;
mod dry_run;
pub(crate) mod genesys;
pub(crate) mod health;
mod indented;
pub(crate) mod keys;
mod length;
mod pages;
pub(crate) mod pauses;
mod plain;
pub(crate) mod policy;
mod policy_diff;
pub(crate) mod quota;
mod replica_ids;
pub(crate) mod replicas;
pub(crate) mod serve;
mod service;
pub(crate) mod simulate_provider;
mod size;
mod store_files;
mod time;
pub(crate) mod usage;
pub(crate) mod waiters;

use std::future::Future;
use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::Context;
use tokio::runtime::Builder;

use self::service::{Place, Service};

/// The command line or the configuration is wrong. The same as the parser of the command line uses.
const USAGE: u8 = 2;

/// Tells why a command failed, with its causes, on standard error.
#[expect(clippy::print_stderr, reason = "this is where a command's errors go")]
fn failed(error: &anyhow::Error, code: u8) -> ExitCode {
    eprintln!("error: {}", told(error));
    ExitCode::from(code)
}

/// An error and its causes. A cause that says again what was said last, as those of libraries do, is left out.
fn told(error: &anyhow::Error) -> String {
    let mut told = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if !told.ends_with(&cause) {
            let separator = if told.is_empty() { "" } else { ": " };
            told = told + separator + &cause;
        }
    }
    told
}

/// Runs what a command asks of others, on this thread. Names that are still being looked up when it is done, or has run
/// out of time, are not waited for.
fn run_to_end<T>(asked: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    let runtime = Builder::new_current_thread().enable_all().build().context("no runtime")?;
    let answered = runtime.block_on(asked);
    runtime.shutdown_background();
    answered
}

/// Asks a running service for something, and writes what came of it on standard output.
fn carried_out(place: &Place, asked: impl AsyncFnOnce(&Service) -> anyhow::Result<String>) -> ExitCode {
    carried_out_to(place, async |service| Ok((asked(service).await?, ExitCode::SUCCESS)))
}

/// The same where it can end well in more than one way.
fn carried_out_to(
    place: &Place,
    asked: impl AsyncFnOnce(&Service) -> anyhow::Result<(String, ExitCode)>,
) -> ExitCode {
    let service = match place.service() {
        Ok(service) => service,
        Err(error) => return failed(&error, USAGE),
    };
    match run_to_end(asked(&service)).and_then(|(said, code)| show(&said).map(|()| code)) {
        Ok(code) => code,
        Err(error) => failed(&error.context(place.to_string()), 1),
    }
}

/// Writes what a command has to show on standard output.
fn show(text: &str) -> anyhow::Result<()> {
    match io::stdout().write_all(text.as_bytes()) {
        // Whoever closes the pipe has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written.context("standard output"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;
    use std::time::Duration;

    #[test]
    fn nothing_is_said_twice() {
        let error =
            anyhow::anyhow!("refused").context("address: refused").context("no store").context("no service");
        assert_eq!(told(&error), "no service: no store: address: refused");
    }

    #[test]
    fn a_name_that_is_still_looked_up_is_not_waited_for() -> anyhow::Result<()> {
        let (found, name) = mpsc::channel();
        run_to_end(async {
            let (begun, is_looked_up) = tokio::sync::oneshot::channel();
            // As a lookup does: it blocks a thread of the runtime.
            tokio::task::spawn_blocking(move || {
                let _ = begun.send(());
                name.recv_timeout(Duration::from_secs(60))
            });
            is_looked_up.await.context("the lookup has begun")
        })?;
        assert!(found.send(()).is_ok(), "nobody looks the name up any more");
        Ok(())
    }
}
