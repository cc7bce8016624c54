//! Limits that the policy knows: no call is refused, and next to nothing is left unused.

use std::time::Duration;

use anyhow::{Result, ensure};
use tokio::task::JoinSet;
use tollgate_demo::TokenBucket;
use tollgate_simulator::Time;
use tollgate_testkit::{Seed, Sizes};

use crate::disciplines::Discipline;
use crate::world::{Traffic, World, replicas, run_for};

const LIMIT: &str = "platform.api/client.credentials.token.rate.per.minute";

/// 18,000 a minute for one client, in windows that open with their first call.
const PROVIDER: &str = "shape = 'genesys-cloud'\n[[limit]]\nname = 'platform.api/client.credentials.token.rate.per.minute'\n\
    per = ['client']\nkind = 'fixed-window'\nvalue = 18000\nwindow = '60s'\n";

/// The same as the limiter is told it. Calls are up to 200 ms on their way.
const POLICY: &str = "namespace = 'genesys'\nprovider = 'genesys-cloud'\n[[limit]]\nname = 'token'\n\
    names = ['platform.api/client.credentials.token.rate.per.minute']\nper = ['client']\nquota = '18000/1m'\nburst = 180\n\
    slack = '200ms'\n";

const WAY: Duration = Duration::from_millis(200);
const REPLICAS: usize = 8;
const ORGS: usize = 50;

/// What a provider's ledger says of one discipline.
#[derive(Debug)]
struct Figures {
    done: u64,
    refused: u64,
    utilisation: f64,
    jain: f64,
}

/// Lets callers of 50 orgs at 8 replicas call for so long, one of each org at each.
async fn measure(disciplines: &[Discipline], seconds: u64, seed: Seed) -> Result<Figures> {
    let world = World::new(PROVIDER, WAY, seed)?;
    let orgs: Vec<_> = (0..ORGS).map(|org| format!("org-{org}")).collect();
    let mut callers = JoinSet::new();
    for discipline in disciplines {
        for org in &orgs {
            callers.spawn(discipline.clone().work(world.clone(), Traffic::new(org, "app", "/api/v2/users")));
        }
    }
    run_for(Duration::from_secs(seconds), &mut callers).await?;
    callers.shutdown().await;
    world.is_sound()?;
    let utilisation = world.utilisation(LIMIT, "app", 0..seconds)?;
    let provider = world.provider();
    let all = provider.ledger().callers().during(Time::START..Time::from_secs(seconds));
    let (done, refused) = (all.clone().done(), all.refused());
    let names: Vec<_> = orgs.iter().map(String::as_str).collect();
    Ok(Figures { done: done.count(), refused: refused.count(), utilisation, jain: done.jain(&names) })
}

/// Goal: who knows the limits is never refused, and uses them up. Method: a hundred thousand calls of fifty orgs at
/// eight replicas, saturated, each up to 200 ms on its way, against windows of a minute that open with the first call;
/// beside them callers who only wait when they are refused, and callers behind a token bucket in each process.
#[tokio::test(start_paused = true)]
async fn a_known_limit_refuses_nobody_and_is_used_up() -> Result<()> {
    let seed = Seed::for_this_test()?;
    let seconds = Sizes { ci: 350, long: 1_200 }.chosen();
    let gates = replicas(POLICY, REPLICAS).await?;
    let tollgate: Vec<_> = gates.into_iter().map(Discipline::Tollgate).collect();
    // Each process counts as if it were the only one.
    let bucket = || Discipline::PerProcess(TokenBucket::with_gap(Duration::from_micros(1_000_000 / 300)));
    let alone: Vec<_> = (0..REPLICAS).map(|_| bucket()).collect();
    let with_tollgate = measure(&tollgate, seconds, seed.derive("tollgate")).await?;
    let per_process = measure(&alone, 120, seed.derive("per process")).await?;
    let retry_only = measure(&vec![Discipline::RetryOnly; REPLICAS], 120, seed.derive("retry only")).await?;
    println!("tollgate {with_tollgate:?}\nper process {per_process:?}\nretry only {retry_only:?}");
    ensure!(with_tollgate.done >= 100_000, "{with_tollgate:?}");
    ensure!(with_tollgate.refused == 0, "{with_tollgate:?}");
    ensure!(with_tollgate.utilisation >= 0.95, "{with_tollgate:?}");
    ensure!(with_tollgate.jain >= 0.995, "{with_tollgate:?}");
    // Each window refuses every caller once.
    ensure!(per_process.refused >= 400 && retry_only.refused >= 400, "{per_process:?}, {retry_only:?}");
    Ok(())
}
