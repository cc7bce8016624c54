//! The command: its options, and a demo from its first call to the removal of what it has stored.

use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::Args;
use clap::builder::{PossibleValue, PossibleValuesParser};
use tokio::sync::watch;
use tollgate::StoreAddress;
use tollgate_demo::{BUILT_IN, Client, Demo, Progress, Report, Scenario, Settings};

use super::super::{USAGE, failed, show};
use super::{bar, table};
use crate::shutdown::{Shutdown, Signals, Stage};

const EXAMPLES: &str = "\
Examples:
  tollgate demo
      Eight replicas, fifty organisations, and a provider with a limit that nobody knows: 50 s.
  tollgate demo --store redis://127.0.0.1/
      The same with the counters in Redis, each replica on a connection of its own. Embedded, the
      replicas share a store in this process.
  tollgate demo --scenario noisy-neighbour --seed 7 --json
      One JSON object on standard output. `batch_seconds` is null where the batch takes longer than
      1.5 times --seconds.

The table goes to standard output, the progress to standard error if that is a terminal. The seed
decides who clicks when and at which replica, what others call, and all delays that are drawn; which
call meets which delay, and so the figures, differ from run to run as the machine does. With a store
all is kept in a namespace `demo-...` of its own, which is removed at the end, also after ctrl-c;
its keys stay if the process is killed or the store refuses to remove them, which takes the right
`+del`.

Exit codes: 0 it was shown, 1 it could not run, 2 the command line is wrong, 130 it was ended by
ctrl-c or SIGTERM.";

/// What a demo that was ended from outside ends with, as shells have it.
const INTERRUPTED: u8 = 130;

/// Show what Tollgate is for: three ways to call a provider whose limits are partly hidden
///
/// A fleet of replicas calls a simulated provider over HTTP on the loopback, in real time: batch work of all
/// organisations, of which the first asks for ten times as much as each other, and clicks that people wait for. First
/// with retries alone, then with a token bucket in each process that has its share of the known quota, then with
/// Tollgate. The callers are the same each time, and the provider's ledger judges. Its windows are seconds, not the
/// minutes of real providers, so that it is soon over.
#[derive(Args, Debug)]
// A negative number is told to be one, with its option, rather than taken for an option that is not known.
#[command(after_long_help = EXAMPLES, allow_negative_numbers = true)]
pub(crate) struct Arguments {
    /// What the provider does that nobody is told
    #[arg(long, value_name = "NAME", default_value = "hidden", value_parser = scenarios())]
    scenario: String,

    /// The number that the traffic is drawn from
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    seed: u64,

    /// How long each of the three is measured, at least three windows of the scenario [default: 12 to 15]
    #[arg(long, value_name = "NUMBER")]
    seconds: Option<u64>,

    /// Processes that call, 1 to 32
    #[arg(long, value_name = "NUMBER", default_value_t = 8)]
    replicas: usize,

    /// Organisations that they call for, 1 to 100
    #[arg(long, value_name = "NUMBER", default_value_t = 50)]
    orgs: usize,

    /// Where Tollgate's counters are: redis://, rediss:// (TLS, by Mozilla's roots), unix:// or embedded:
    #[arg(
        long,
        env = "TOLLGATE_DEMO_STORE",
        value_name = "URL",
        default_value = "embedded:",
        hide_env_values = true
    )]
    store: String,

    /// Print one JSON object instead of the table
    #[arg(long)]
    json: bool,
}

/// Each scenario with what it is.
fn scenarios() -> PossibleValuesParser {
    BUILT_IN.map(|scenario| PossibleValue::new(scenario.name).help(scenario.about)).into()
}

/// How a demo ended.
enum Ended {
    Shown(Report),
    Interrupted,
}

/// Runs it, and leaves nothing behind in the store.
pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    let demo = match settle(arguments) {
        Ok(demo) => demo,
        Err(error) => return failed(&error, USAGE),
    };
    let ended = play(&demo, arguments);
    // The runtime is gone, and every replica with it: nobody is left who would give the namespace back.
    let removed = clean_up(&demo);
    match (ended, removed) {
        (Err(error), _) | (Ok(Ended::Interrupted), Err(error)) => failed(&error, 1),
        (Ok(Ended::Interrupted), Ok(())) => ExitCode::from(INTERRUPTED),
        (Ok(Ended::Shown(report)), removed) => {
            let shown = show(&if arguments.json { json(&report) } else { table::table(&report, &demo) });
            // What was found out is shown, whatever becomes of what it has stored.
            shown.and(removed).map_or_else(|error| failed(&error, 1), |()| ExitCode::SUCCESS)
        }
    }
}

fn settle(arguments: &Arguments) -> anyhow::Result<Demo> {
    let Some(scenario) = Scenario::built_in(&arguments.scenario) else {
        bail!("scenario: {:?}, expected one of those that --help explains", arguments.scenario);
    };
    let defaults = Settings::of(scenario?);
    let store: StoreAddress = arguments.store.parse().context("store")?;
    let &Arguments { seed, replicas, orgs, .. } = arguments;
    let seconds = arguments.seconds.unwrap_or(defaults.seconds);
    Ok(Demo::new(Settings { seed, seconds, replicas, orgs, store, ..defaults })?)
}

/// Runs each client in turn, unless it is asked to end before.
#[tokio::main]
async fn play(demo: &Demo, arguments: &Arguments) -> anyhow::Result<Ended> {
    let signals = Signals::install().context("can't take signals")?;
    let shutdown = Shutdown::new();
    tokio::spawn(signals.carry_out(shutdown.clone()));
    let watched = watch::Sender::new(Progress::default());
    tokio::spawn(bar::follow(watched.subscribe()));
    tokio::select! {
        report = each_client(demo, arguments, &watched) => Ok(Ended::Shown(report?)),
        () = shutdown.reached(Stage::Draining) => Ok(Ended::Interrupted),
    }
}

async fn each_client(
    demo: &Demo,
    arguments: &Arguments,
    watched: &watch::Sender<Progress>,
) -> anyhow::Result<Report> {
    demo.check_store().await?;
    if !arguments.json {
        show(&table::heading(demo))?;
    }
    let mut report = demo.report();
    for client in Client::ALL {
        report.runs.push(demo.run(client, watched).await?);
    }
    Ok(report)
}

#[tokio::main(flavor = "current_thread")]
async fn clean_up(demo: &Demo) -> anyhow::Result<()> {
    demo.remove_namespace().await.context("what the demo has stored may still be there")
}

/// One line.
fn json(report: &Report) -> String {
    let mut text = serde_json::to_string(report).unwrap_or_default();
    text.push('\n');
    text
}
