//! `tollgate doctor`: why a replica would not run, or not well, with this store and namespace.

mod advice;
mod found;
mod namespace;
mod report;
mod server;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, ensure};
use clap::Args;
use tollgate::{StoreAddress, Tollgate};

use self::report::Report;
use super::store_files::StoreFiles;
use super::{USAGE, failed, run_to_end, show};
use crate::config::{Config, StoreUrl};
use crate::settings::Settings;

const EXAMPLES: &str = "\
Examples:
  tollgate doctor --store redis://127.0.0.1/ --namespace genesys
      Whether the store can be used, and the namespace is there.
  TOLLGATE_STORE=redis://:pw@redis/ tollgate doctor --config tollgate.toml --policy genesys.toml
      The same as `tollgate serve` would find it, and whether the policy in force is that of the
      file.

Each check is a line: `ok`, `warn` or `FAIL`, what was found, and what to do about it. Nothing is
written to the store. Where a check makes those after it pointless, it is the last one.

Exit codes: 0 nothing fails, warnings or not, 1 something fails, 2 the command line or the
configuration is wrong.";

/// Check store, version, permissions, clock, latency and policy, and say what to do about what is wrong
///
/// Takes the options of `tollgate serve` that are about the store, with the same variables and the same file.
#[derive(Args, Debug)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The configuration file of `tollgate serve` [default: none]
    #[arg(long, env = "TOLLGATE_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    #[expect(clippy::doc_markdown, reason = "shown by --help, as it is")]
    /// The store, as for `tollgate serve`; a password is better given by TOLLGATE_STORE, where `ps` does not show it
    #[arg(long, env = "TOLLGATE_STORE", value_name = "URL", hide_env_values = true)]
    store: Option<StoreUrl>,
    #[command(flatten)]
    files: StoreFiles,
    /// As for `tollgate serve`, 10ms to 30s: each answer is waited for half as long [default: 1s]
    #[arg(long, env = "TOLLGATE_STORE_TIMEOUT", value_name = "TIME")]
    store_timeout: Option<String>,
    /// The namespace [default: that of the policy file]
    #[arg(long, env = "TOLLGATE_NAMESPACE", value_name = "NAME")]
    namespace: Option<String>,
    /// A policy file that should be the policy in force, in TOML or JSON [default: none]
    #[arg(long, env = "TOLLGATE_POLICY", value_name = "FILE")]
    policy: Option<String>,
    /// In JSON: `checks`, each with `name`, `status` (ok, warn or fail), `found` and, where something is to be done,
    /// `do`
    #[arg(long)]
    json: bool,
}

/// Looks, and says what was found on standard output.
pub(crate) fn run(arguments: Arguments) -> ExitCode {
    let json = arguments.json;
    let settings = match settle(arguments) {
        Ok(settings) => settings,
        Err(error) => return failed(&error, USAGE),
    };
    let looked = run_to_end(examined(&settings)).and_then(|report| {
        show(&if json { report.json() } else { report.text() })?;
        Ok(report)
    });
    match looked {
        Ok(report) if report.fails() => ExitCode::from(1),
        Ok(_) => ExitCode::SUCCESS,
        Err(error) => failed(&error, 1),
    }
}

fn settle(arguments: Arguments) -> Result<Settings> {
    let file = match arguments.config.filter(|path| !path.as_os_str().is_empty()) {
        Some(path) => Config::read(&path)?,
        None => Config::default(),
    };
    let given = Config {
        store: arguments.store,
        store_timeout: arguments.store_timeout,
        namespace: arguments.namespace,
        policy: arguments.policy,
        ..arguments.files.config()
    };
    let config = given.over(file);
    let store = config.store.as_ref().context(
        "store: missing, expected a URL such as redis://host:6379 behind --store, in TOLLGATE_STORE or in the file of --config",
    )?;
    ensure!(
        !matches!(store.as_ref().parse(), Ok(StoreAddress::Embedded)),
        "store: embedded, expected a server to look at, such as redis://host:6379"
    );
    Ok(config.try_into()?)
}

/// All checks, one after another.
async fn examined(settings: &Settings) -> Result<Report> {
    let builder = Tollgate::builder(&settings.namespace)
        .store(settings.store.clone())
        .store_tls(settings.store_tls.clone())
        .store_timeout(settings.store_timeout);
    let mut inspection = builder.inspection()?;
    let mut report = Report::new(&settings.store.to_string(), &settings.namespace);
    if server::check(&mut inspection, settings, &mut report).await.is_continue() {
        namespace::check(&inspection, settings, &mut report).await;
    }
    Ok(report)
}
