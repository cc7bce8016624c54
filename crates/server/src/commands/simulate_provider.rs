//! `tollgate simulate-provider`: a provider with hidden limits, to try a limiter against by hand.

use std::fs;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, anyhow, bail};
use clap::Args;
use tollgate_simulator::{Config, Seed, Server};

use super::{USAGE, failed};
use crate::listen::{self, Insecure, Refused};
use crate::shutdown::{Shutdown, Signals, Stage};

const EXAMPLES: &str = "\
Examples:
  tollgate simulate-provider --config examples/provider.toml
      Fifty orgs at an API in the shape of Genesys Cloud. Get a token, the `access_token` of the
      answer, and call with it until a limit refuses:
  curl -u app-1:secret-1 -d grant_type=client_credentials http://127.0.0.1:8090/oauth/token
  curl -i -H \"authorization: Bearer $TOKEN\" http://127.0.0.1:8090/api/v2/users

  curl http://127.0.0.1:8090/_simulator/ledger
      What has arrived, what was refused by which limit, and whether a true limit was ever exceeded.
  curl -X POST http://127.0.0.1:8090/_simulator/reset
      As newly started: no calls in the ledger, no tokens, the schedule from its beginning.

It prints `listening on http://...` on standard output once it accepts connections. SIGTERM or
ctrl-c ends it. Every call is kept until a reset, in about 100 bytes.

Exit codes: 0 it was asked to end, 1 it could not run, 2 the command line or the configuration is
wrong.";

/// Play a provider with hidden limits, for trying a limiter against it
///
/// It answers as a real provider does: with 429s in the provider's own shape, tokens, faults and latency as the
/// configuration says. Its limits are known to nobody but itself, and its ledger tells afterwards whether they were
/// kept. A simulation for tests and trials: it checks secrets that stand in a file, and listens on the loopback unless
/// --insecure-listen says otherwise.
#[derive(Args, Debug)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The provider's limits, clients, answers and faults, in TOML; examples/provider.toml shows all there is
    #[arg(long, env = "TOLLGATE_PROVIDER_CONFIG", value_name = "FILE")]
    config: PathBuf,

    /// Where to listen: IP:PORT or localhost:PORT, port 0 takes a free one. Only the loopback, for others see
    /// --insecure-listen
    #[arg(long, env = "TOLLGATE_PROVIDER_LISTEN", value_name = "IP:PORT", default_value = "127.0.0.1:8090")]
    listen: String,

    /// Listen on other addresses than the loopback, although nobody is asked who they are: whoever reaches the port
    /// reads and resets the ledger. For containers and networks that keep strangers out [default: false]
    #[arg(
        long,
        env = "TOLLGATE_PROVIDER_INSECURE_LISTEN",
        value_name = "true|false",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true"
    )]
    insecure_listen: Option<String>,

    /// The number that decides all that is drawn: faults, latencies and when others call
    #[arg(long, env = "TOLLGATE_PROVIDER_SEED", value_name = "NUMBER", default_value_t = 1)]
    seed: u64,
}

/// Runs until it is asked to end.
pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    let (config, listen) = match settle(arguments) {
        Ok(settled) => settled,
        Err(error) => return failed(&error, USAGE),
    };
    match serve(config, listen, Seed::new(arguments.seed)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(&error, 1),
    }
}

fn settle(arguments: &Arguments) -> anyhow::Result<(Config, SocketAddr)> {
    let path = arguments.config.display();
    let text = fs::read_to_string(&arguments.config)
        .with_context(|| format!("can't read the configuration file {path}"))?;
    let config =
        Config::from_toml(&text).with_context(|| format!("the configuration file {path} can't be used"))?;
    // An empty variable says nothing: it is what compose files make of one that is not set.
    let insecure = arguments.insecure_listen.as_deref().filter(|text| !text.is_empty());
    let Some(insecure) = Insecure::parse(insecure) else {
        bail!("insecure_listen: {:?}, expected true or false", insecure.unwrap_or_default());
    };
    let address = listen::parse(&arguments.listen, insecure).map_err(|refused| match refused {
        Refused::Unreadable => anyhow!(
            "listen: {:?}, expected an IP address and a port, such as 127.0.0.1:8090 or localhost:8090",
            arguments.listen
        ),
        Refused::Open(address) => anyhow!(
            "listen: {address} is not a loopback address, and nobody who connects is asked who they are: anyone could read and \
             reset the ledger; listen on 127.0.0.1, or give --insecure-listen where the network keeps strangers out"
        ),
    })?;
    Ok((config, address))
}

#[tokio::main]
async fn serve(config: Config, listen: SocketAddr, seed: Seed) -> anyhow::Result<()> {
    let signals = Signals::install().context("can't take signals")?;
    let server =
        Server::bind(listen, config, seed).await.with_context(|| format!("can't listen on {listen}"))?;
    announce(server.address());
    let shutdown = Shutdown::new();
    tokio::spawn(signals.carry_out(shutdown.clone()));
    shutdown.reached(Stage::Draining).await;
    Ok(())
}

/// Tells scripts, and people, where it is.
fn announce(address: SocketAddr) {
    // Nobody may be reading, which is no reason to end.
    let _ = writeln!(io::stdout(), "listening on http://{address}");
    if !address.ip().to_canonical().is_loopback() {
        let _ = writeln!(
            io::stderr(),
            "warning: INSECURE: {address} is open to others than this machine and nobody is asked who they are; whoever reaches \
             it reads and resets the ledger"
        );
    }
}
