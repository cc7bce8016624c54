//! `tollgate genesys`: what an account at Genesys Cloud says of itself, one file each noun.

mod credentials;
mod document;
mod effective;
mod exchange;
mod limits;
mod limits_api;
mod proposal;
mod report;
mod row;
mod service;
mod settings;
mod snippet;
mod transport;

use std::process::ExitCode;

use clap::{Args, Subcommand};

/// Ask Genesys Cloud what it says of an account
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Limits(Box<limits::Arguments>),
}

/// Runs the command that was asked for.
pub(crate) fn run(Arguments { command }: Arguments) -> ExitCode {
    match command {
        Command::Limits(arguments) => limits::run(*arguments),
    }
}
