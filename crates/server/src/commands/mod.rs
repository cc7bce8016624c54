//! The commands of the binary, one file each.

pub(crate) mod check_policy;
pub(crate) mod health;
pub(crate) mod serve;

use std::process::ExitCode;

/// The command line or the configuration is wrong. The same as the parser of the command line uses.
const USAGE: u8 = 2;

/// Tells why a command failed, with its causes, on standard error.
#[expect(clippy::print_stderr, reason = "this is where a command's errors go")]
fn failed(error: &anyhow::Error, code: u8) -> ExitCode {
    eprintln!("error: {error:#}");
    ExitCode::from(code)
}
