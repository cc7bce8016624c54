//! The command line.

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

use crate::commands::{
    audit, buckets, check_policy, completions, demo, diagnosis, doctor, genesys, health, keys, pauses,
    policy, quota, replicas, serve, simulate_provider, usage, waiters,
};

/// Limits what a fleet sends to other people's APIs, together: token buckets in Redis, charged at once or not at all.
#[derive(Debug, Parser)]
#[command(name = "tollgate", version, max_term_width = 110)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Serve(Box<serve::Arguments>),
    Demo(demo::Arguments),
    Policy(policy::Arguments),
    Quota(quota::Arguments),
    Pause(pauses::PauseArguments),
    Resume(pauses::ResumeArguments),
    Buckets(buckets::Arguments),
    Waiters(waiters::Arguments),
    Replicas(replicas::Arguments),
    Diagnosis(diagnosis::Arguments),
    Usage(usage::Arguments),
    Audit(Box<audit::Arguments>),
    Keys(Box<keys::Arguments>),
    Doctor(Box<doctor::Arguments>),
    Health(health::Arguments),
    CheckPolicy(check_policy::Arguments),
    Genesys(genesys::Arguments),
    SimulateProvider(simulate_provider::Arguments),
    Completions(completions::Arguments),
}

/// Runs the binary `tollgate` on the arguments of this process.
#[must_use]
pub fn run() -> ExitCode {
    match Cli::parse().command {
        Command::Serve(arguments) => serve::run(*arguments),
        Command::Demo(arguments) => demo::run(&arguments),
        Command::Policy(arguments) => policy::run(&arguments),
        Command::Quota(arguments) => quota::run(&arguments),
        Command::Pause(arguments) => pauses::pause_bucket(&arguments),
        Command::Resume(arguments) => pauses::resume_bucket(&arguments),
        Command::Buckets(arguments) => buckets::run(&arguments),
        Command::Waiters(arguments) => waiters::run(&arguments),
        Command::Replicas(arguments) => replicas::run(&arguments),
        Command::Diagnosis(arguments) => diagnosis::run(&arguments),
        Command::Usage(arguments) => usage::run(&arguments),
        Command::Audit(arguments) => audit::run(&arguments),
        Command::Keys(arguments) => keys::run(&arguments),
        Command::Doctor(arguments) => doctor::run(*arguments),
        Command::Health(arguments) => health::run(&arguments),
        Command::CheckPolicy(arguments) => check_policy::run(&arguments),
        Command::Genesys(arguments) => genesys::run(arguments),
        Command::SimulateProvider(arguments) => simulate_provider::run(&arguments),
        Command::Completions(arguments) => completions::run(&arguments, &mut Cli::command()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    /// Text that is broken into lines by hand is broken once more on a terminal that is narrower, in the middle of a
    /// sentence.
    #[test]
    fn the_end_of_a_help_fits_a_terminal_of_100_columns() {
        let wide = wide_lines(&Cli::command());
        assert!(wide.is_empty(), "{}", wide.join("\n"));
    }

    /// The lines of the ends of a command's help, and of those below it, that are too wide.
    fn wide_lines(command: &clap::Command) -> Vec<String> {
        let end = command.get_after_long_help().map(ToString::to_string).unwrap_or_default();
        let wide = end.lines().filter(|line| line.chars().count() > 100);
        let mut found: Vec<String> = wide.map(|line| format!("{}: {line}", command.get_name())).collect();
        found.extend(command.get_subcommands().flat_map(wide_lines));
        found
    }
}
