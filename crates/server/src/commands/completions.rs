//! `tollgate completions`: what a shell needs to complete the command line.

use std::process::ExitCode;

use clap::{Args, Command};
use clap_complete::{Shell, generate};

use super::{failed, show};

const EXAMPLES: &str = "\
Examples:
  tollgate completions bash > ~/.local/share/bash-completion/completions/tollgate
  tollgate completions zsh > \"${fpath[1]}/_tollgate\"
  tollgate completions fish > ~/.config/fish/completions/tollgate.fish

Exit codes: 0 done, 1 it can't be written, 2 the command line is wrong.";

/// Print a script that completes this command line in a shell
#[derive(Args, Debug)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The shell
    shell: Shell,
}

/// Prints the script for a command line on standard output.
pub(crate) fn run(arguments: &Arguments, command: &mut Command) -> ExitCode {
    let mut script = Vec::new();
    generate(arguments.shell, command, "tollgate", &mut script);
    match show(&String::from_utf8_lossy(&script)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(&error, 1),
    }
}
