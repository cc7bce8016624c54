//! Two replicas on one Redis under load: what they grant together, judged by a ledger that the test keeps.

mod ledger;
mod load;

use std::time::Duration;

use anyhow::{Result, ensure};
use tollgate_testkit::{RedisServer, Replica, Sizes};

use self::ledger::Ledger;
use self::load::Load;

/// How long the callers run.
const SECONDS: Sizes<u64> = Sizes { ci: 20, long: 120 };

/// Callers on each of the two replicas.
const CALLERS: usize = 64;

/// The least part of what a limit allows that must be granted while there is demand.
const UTILISATION: f64 = 0.98;

async fn run(policy: &str, orgs: usize) -> Result<Ledger> {
    let server = RedisServer::start()?;
    let replicas = [replica(&server, policy).await?, replica(&server, policy).await?];
    let load = Load { callers: CALLERS, orgs, length: Duration::from_secs(SECONDS.chosen()) };
    let ledger = load.run(&server, &replicas).await?;
    for mut replica in replicas {
        let status = replica.terminate().await?;
        ensure!(status.success(), "{status}: {}", replica.log());
    }
    Ok(ledger)
}

async fn replica(server: &RedisServer, policy: &str) -> Result<Replica> {
    Replica::builder().store(server.url()).namespace("fleet").policy(policy).start().await
}

/// Goal: G1 and G3 on a quota that all orgs share, over HTTP, by two processes. Method: 128 callers ask for far more than is
/// allowed; in every window of ten seconds, whichever grant it begins with, are at most 300 grants, and over the whole run
/// at least 98 % of what the quota refills. It refills 271 in ten seconds: 300 less its burst of 30, and one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_replicas_grant_a_shared_quota_in_full_and_never_more() -> Result<()> {
    let policy = "namespace = 'fleet'
        limit = [{ name = 'org', per = ['org'], rate = '50/s', burst = 50 },
                 { name = 'shared', per = [], quota = '300/10s' }]";
    let ledger = run(policy, 8).await?;
    ledger.no_window_holds_more_than(300, Duration::from_secs(10))?;
    for org in ledger.orgs() {
        ledger.of(&org).never_over(50, 50)?;
    }
    ledger.sustains(27.1 * UTILISATION)
}

/// Goal: the same for the limits of the orgs. Method: as above without the shared quota, with two orgs.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_replicas_grant_the_limit_of_each_org_in_full_and_never_more() -> Result<()> {
    let policy = "namespace = 'fleet'
        limit = [{ name = 'org', per = ['org'], rate = '50/s', burst = 50 }]";
    let ledger = run(policy, 2).await?;
    for org in ledger.orgs() {
        let ledger = ledger.of(&org);
        ledger.never_over(50, 50)?;
        ledger.sustains(50.0 * UTILISATION)?;
    }
    Ok(())
}
