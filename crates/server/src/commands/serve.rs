//! `tollgate serve`: the service.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use tollgate::{Error, StoreAddress, Tollgate};

use super::{USAGE, failed};
use crate::config::Config;
use crate::listen::Insecure;
use crate::logging;
use crate::server::Server;
use crate::settings::{Settings, SettingsError};
use crate::shutdown::Signals;
use crate::telemetry::Traces;

const EXAMPLES: &str = "\
Examples:
  tollgate serve
      A first try: an example policy, counted in this process alone. The log shows a curl line to go
      on with.
  tollgate serve --store redis://127.0.0.1/ --policy genesys.toml
      One of any number of replicas that share the limits of the policy.
  TOLLGATE_STORE=redis://app:password@redis/ tollgate serve --config tollgate.toml
      The password in the environment, the rest in a file.

It prints `listening on http://...` on standard output once it accepts connections; logs go to
standard error. SIGTERM or ctrl-c ends it: calls in flight are answered, a second one cuts them
short.

Exit codes: 0 it was asked to end, 1 it could not run, 2 the command line or the configuration is
wrong.";

/// Serve the acquire and admin API over HTTP
///
/// Every option can also be given by the environment variable shown with it, or in the file of --config under the same
/// name with underscores. A flag counts before a variable, a variable before the file, the file before the default.
/// Times are written with their unit: 250ms, 5s, 1m.
#[derive(Args, Debug)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// A TOML file with the options below, such as `log_format = "json"` [default: none]
    #[arg(long, env = "TOLLGATE_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,

    #[command(flatten)]
    options: Config,
}

/// Runs until it is asked to end.
pub(crate) fn run(arguments: Arguments) -> ExitCode {
    let settings = match settle(arguments) {
        Ok(settings) => settings,
        Err(error) => return failed(&error, USAGE),
    };
    match serve(settings) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(&error, 1),
    }
}

fn settle(Arguments { config, options }: Arguments) -> anyhow::Result<Settings> {
    let file = match config.filter(|path| !path.as_os_str().is_empty()) {
        Some(path) => Config::read(&path)?,
        None => Config::default(),
    };
    Ok(options.over(file).try_into()?)
}

#[tokio::main]
async fn serve(settings: Settings) -> anyhow::Result<()> {
    let Settings {
        listen,
        insecure,
        require_keys,
        store,
        store_tls,
        namespace,
        policy,
        is_example,
        begin,
        store_timeout,
        tls,
        max_bad_logins,
        max_connections,
        max_waiting,
        drain,
        log_format,
        log,
    } = settings;
    let traces = Traces::from_environment()?;
    logging::start(log_format, log, &traces);
    traces.announce();
    let signals = Signals::install().context("can't take signals")?;
    if matches!(store, StoreAddress::Embedded) {
        tracing::warn!(
            "no store: the limits are counted in this process alone, shared with no other replica and gone when it ends; \
             --store redis://host:6379 shares and keeps them"
        );
    }
    let mut builder = Tollgate::builder(&namespace).store(store.clone()).store_tls(store_tls);
    builder = builder.store_timeout(store_timeout).max_waiting(max_waiting);
    if let Some(policy) = policy {
        builder = builder.policy(policy);
    }
    if let Some(begin) = begin {
        builder = builder.begin(begin);
    }
    let gate = builder.connect().await.map_err(|error| why_not_set_up(error, &namespace, &store))?;
    let keys = Keys::of(&gate).await.context("can't read the API keys")?;
    let asks = require_keys || keys == Keys::Some;
    if !asks && insecure == Insecure::Refused && !listen.ip().to_canonical().is_loopback() {
        return Err(SettingsError::Open(listen).into());
    }
    let replica = gate.replica().to_owned();
    let server = Server::bind(listen, gate).await.with_context(|| format!("can't listen on {listen}"))?;
    let scheme = if tls.is_some() { "https" } else { "http" };
    let server = server.drain(drain).max_connections(max_connections);
    let server = server.max_bad_logins(max_bad_logins).tls(tls);
    let server = if insecure == Insecure::Allowed { server.any_host() } else { server };
    let server = if require_keys || keys != Keys::Never { server.always_ask() } else { server };
    let address = server.address().context("can't tell the port")?;
    tokio::spawn(signals.carry_out(server.shutdown()));
    let url = format!("{scheme}://{address}");
    announce(&url, &namespace, &store, &replica);
    tell_access(address, keys, require_keys);
    if is_example {
        suggest(&url, &namespace);
    }
    server.run().await;
    traces.end().await;
    tracing::info!("ended");
    Ok(())
}

fn why_not_set_up(error: Error, namespace: &str, store: &StoreAddress) -> anyhow::Error {
    match error {
        // The limiter's own words also speak of the library.
        Error::NoPolicy { .. } => anyhow::anyhow!(
            "the store at {store} has no policy for namespace {namespace}: give a first one with --policy"
        ),
        error => anyhow::Error::from(error).context(format!("can't set up namespace {namespace} on {store}")),
    }
}

/// Tells scripts, and people, where it is.
fn announce(url: &str, namespace: &str, store: &StoreAddress, replica: &str) {
    // Nobody may be reading, which is no reason to end.
    let _ = writeln!(io::stdout(), "listening on {url}");
    tracing::info!(%store, namespace, replica, "listening on {url}");
}

/// Whether the namespace has API keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Keys {
    /// It never had one: nobody is asked.
    Never,
    /// All of them are revoked, or lost: nobody is let in.
    NoneLeft,
    Some,
}

impl Keys {
    async fn of(gate: &Tollgate) -> Result<Self, Error> {
        let seen = gate.api_keys().read(None).await?;
        Ok(match seen.keys {
            _ if seen.tag.is_empty() => Self::Never,
            Some(keys) if !keys.is_empty() => Self::Some,
            _ => Self::NoneLeft,
        })
    }
}

/// Tells whether callers are asked who they are.
fn tell_access(address: SocketAddr, keys: Keys, require_keys: bool) {
    if keys == Keys::Some {
        tracing::info!("the namespace has API keys: every request below /v1 needs one");
    } else if keys == Keys::NoneLeft {
        tracing::warn!(
            "all API keys of the namespace are revoked or lost: every request below /v1 is refused until `tollgate keys create --store` \
             makes another one"
        );
    } else if require_keys {
        tracing::warn!(
            "the namespace has no API key, and one is required: every request below /v1 is refused until `tollgate keys create --store` \
             makes the first one"
        );
    } else if !address.ip().to_canonical().is_loopback() {
        tracing::warn!(
            "INSECURE: {address} is open to others than this machine and nobody is asked who they are; whoever reaches it \
             takes permits and changes the policy"
        );
    } else {
        tracing::info!(
            "no API key: whoever is on this machine may do everything, and nobody else; `tollgate keys create` makes one"
        );
    }
}

/// Gives somebody who has nothing yet something to try.
fn suggest(url: &str, namespace: &str) {
    tracing::info!(
        "no policy was given: an example is in force, for namespace {namespace}. Try it:\n\n  \
         curl -i {url}/v1/{namespace}/acquire -H 'content-type: application/json' \
         -d '{{\"call\":{{\"method\":\"GET\",\"path\":\"/api/v2/users\",\"org\":\"acme\",\"client\":\"app-1\"}}}}'\n"
    );
}
