//! Two replicas grant together what one would: all of it, and never more.

use std::time::Duration;

use anyhow::Result;
use tollgate_testkit::Sizes;

use super::fleet::Fleet;
use super::ledger::{Ledger, Terms};
use super::load::Demand;

/// How long the callers run.
const SECONDS: Sizes<u64> = Sizes { ci: 20, long: 120 };

/// Callers on both replicas together.
const CALLERS: usize = 128;

/// The least part of what a limit allows that must be granted while there is demand.
const UTILISATION: f64 = 0.98;

/// What each org is limited to.
const OWN: Terms = Terms { burst: 50, tokens: 50, per: Duration::from_secs(1) };

async fn run(policy: &str, orgs: usize) -> Result<Ledger> {
    let fleet = Fleet::start(policy, 2).await?;
    let mut load = fleet.load();
    for number in 0..CALLERS {
        let org = format!("org-{}", number % orgs);
        let (client, priority, max_wait) = ("app", "normal", "2s");
        load.add(1, &Demand { replica: number % 2, org, client, priority, cost: 1, max_wait });
    }
    fleet.pass(Duration::from_secs(SECONDS.chosen())).await?;
    fleet.end(load).await
}

/// Goal: G1 and G3 on a quota that all orgs share, over HTTP, by two processes. Method: 128 callers ask for far more
/// than is allowed; in every window of ten seconds, whichever grant it begins with, are at most 300 grants, and over
/// the whole run at least 98 % of what the quota refills. It refills 271 in ten seconds: 300 less its burst of 30, and
/// one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_replicas_grant_a_shared_quota_in_full_and_never_more() -> Result<()> {
    let policy = "namespace = 'fleet'
        limit = [{ name = 'org', per = ['org'], rate = '50/s', burst = 50 },
                 { name = 'shared', per = [], quota = '300/10s' }]";
    let ledger = run(policy, 8).await?;
    ledger.no_window_holds_more_than(300, Duration::from_secs(10))?;
    for org in ledger.orgs() {
        ledger.of(&org).never_over(OWN)?;
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
        ledger.never_over(OWN)?;
        ledger.sustains(OWN.per_second() * UTILISATION)?;
    }
    Ok(())
}
