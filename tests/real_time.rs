//! A fleet on a real Redis against a provider with fixed windows, over HTTP and in real time: no call is refused, and
//! next to nothing is left unused.

use anyhow::{Result, ensure};
use tokio::sync::watch;
use tollgate_demo::{Client, Demo, Progress, Scenario, Settings};
use tollgate_testkit::{RedisServer, Seed, Sizes};

/// A provider, and how long it is called.
#[derive(Clone, Copy, Debug)]
struct Run {
    calls: u64,
    window_s: u64,
    burst: u64,
    /// How late a call may be: 200 ms on its way, and the rest for a machine that is busy.
    slack_ms: u64,
    seconds: u64,
}

const RUN: Sizes<Run> = Sizes {
    ci: Run { calls: 3_600, window_s: 12, burst: 36, slack_ms: 300, seconds: 36 },
    long: Run { calls: 18_000, window_s: 60, burst: 180, slack_ms: 400, seconds: 360 },
};

const REPLICAS: usize = 4;

/// Calls are up to 200 ms on their way, and so are their answers.
fn scenario(run: Run) -> String {
    let Run { calls, window_s, burst, slack_ms, .. } = run;
    format!(
        "known_calls = {calls}\nwindow_s = {window_s}\nway_ms = 200\nclicks_per_s = 20\n\
         judged = {{ limit = 'platform.api/token.rate', key = 'app' }}\n\
         [policy]\nprovider = 'genesys-cloud'\n\
         [[policy.limit]]\nname = 'token'\nnames = ['platform.api/token.rate']\nper = ['client']\n\
         quota = '{calls}/{window_s}s'\nburst = {burst}\nslack = '{slack_ms}ms'\n\
         [provider]\nshape = 'genesys-cloud'\nlatency = {{ base = '10ms', jitter = '20ms' }}\n\
         [[provider.limit]]\nname = 'platform.api/token.rate'\nper = ['client']\nkind = 'fixed-window'\n\
         value = {calls}\nwindow = '{window_s}s'\n"
    )
}

/// Goal: G1 and G3 as the provider sees them. Method: four replicas, each on its own connection to a private server,
/// with fifty organisations that ask for four times what the provider lets pass; its ledger judges whole windows.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_known_limit_refuses_nobody_and_is_used_up_in_real_time() -> Result<()> {
    let (seed, run, server) = (Seed::for_this_test()?, RUN.chosen(), RedisServer::start()?);
    let settings = Settings {
        seed: seed.value(),
        seconds: run.seconds,
        replicas: REPLICAS,
        store: server.url().parse()?,
        ..Settings::of(Scenario::from_toml("real-time", &scenario(run))?)
    };
    let figures =
        Demo::new(settings)?.run(Client::Tollgate, &watch::Sender::new(Progress::default())).await?;
    println!("{run:?}: {figures:#?}");
    ensure!(figures.throttled_429 == 0, "{figures:?}");
    ensure!(figures.utilisation >= 0.95 && figures.utilisation <= 1.0, "{figures:?}");
    ensure!(figures.jain >= 0.99, "{figures:?}");
    Ok(())
}
