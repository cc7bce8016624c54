//! Eight replicas, and organisations of one client that together ask for far more than its quota: everybody gets an
//! equal share, all of it is granted, and never more.

use std::time::Duration;

use anyhow::{Result, ensure};
use tollgate_testkit::Sizes;

use super::fleet::Fleet;
use super::ledger::{Ledger, Terms, jain, real};
use super::load::{Demand, Load};

pub(crate) const REPLICAS: usize = 8;
pub(crate) const ORGS: usize = 50;
/// Callers of each org on each replica: one is told its turn, and the next one waits behind it.
const CALLERS: usize = 2;
/// What one org asks for, in callers of another.
const GREED: usize = 10;

/// One client's quota, which its organisations share: 300 a second, of which a tenth may come at once.
pub(crate) const SHARED: &str = "namespace = 'fleet'
    [[limit]]
    name = 'token'
    per = ['client']
    quota = '18000/1m'
    ";
/// What that gives: the quota without its burst, and one, in a minute and a microsecond.
pub(crate) const TERMS: Terms =
    Terms { burst: 1_800, tokens: 16_201, per: Duration::from_micros(60_000_001) };

/// How long the way from a far replica to the store takes, and the way back.
pub(crate) const FAR: Duration = Duration::from_millis(30);

/// After this long everybody waits, and each org has been served.
pub(crate) const SETTLED: Duration = Duration::from_secs(2);
/// How long is measured from then on.
pub(crate) const SECONDS: Sizes<u64> = Sizes { ci: 10, long: 60 };

/// A call of an org that can wait.
pub(crate) fn batch(replica: usize, org: usize) -> Demand {
    let (client, priority, max_wait) = ("app", "batch", "10m");
    Demand { replica, org: format!("org-{org}"), client, priority, cost: 1, max_wait }
}

/// A load of all orgs on all replicas, the first org asking ten times as much as each of the others; once it has
/// settled. The bucket of a namespace that replicas restore from their policy file begins empty: they are saturated
/// from the beginning.
pub(crate) async fn saturate(fleet: &Fleet) -> Result<Load> {
    let mut load = fleet.load();
    for replica in 0..fleet.replicas.len() {
        for org in 0..ORGS {
            load.add(if org == 0 { GREED * CALLERS } else { CALLERS }, &batch(replica, org));
        }
    }
    fleet.pass(SETTLED).await?;
    Ok(load)
}

/// What part of what the quota gives was granted.
pub(crate) fn utilisation(ledger: &Ledger, from_us: u64, to_us: u64) -> f64 {
    let time = Duration::from_micros(to_us - from_us);
    ledger.between(from_us, to_us).count() / (TERMS.per_second() * time.as_secs_f64())
}

/// That the whole ledger keeps to the quota.
pub(crate) fn never_over(ledger: &Ledger) -> Result<()> {
    ledger.never_over(TERMS)?;
    ledger.no_window_holds_more_than(18_000, Duration::from_secs(60))
}

/// Goal: G1, G3 and G4 of one quota by eight processes, at no more than two calls of the store a grant. Method: 50 orgs
/// are saturated, one of them ten times; the ledger of the time after everybody waits is judged.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn organisations_get_equal_shares_however_much_they_ask_for() -> Result<()> {
    let fleet = Fleet::start(SHARED, REPLICAS).await?;
    let load = saturate(&fleet).await?;
    let (from_us, calls) = (fleet.now_us().await?, fleet.script_calls().await?);
    let to_us = fleet.pass(Duration::from_secs(SECONDS.chosen())).await?;
    let calls = fleet.script_calls().await? - calls;
    let ledger = fleet.end(load).await?;
    never_over(&ledger)?;
    let granted = ledger.between(from_us, to_us);
    let by_org = granted.count_by(|grant| grant.org.clone());
    let (utilisation, fairness) = (utilisation(&granted, from_us, to_us), jain(by_org.values()));
    let calls = real(calls) / granted.count();
    println!("utilisation {utilisation:.4}, Jain {fairness:.5}, script calls a grant {calls:.2}");
    println!("{:?}", granted.count_by(|grant| grant.replica));
    ensure!(utilisation >= 0.98, "{utilisation}");
    ensure!(by_org.len() == ORGS && fairness >= 0.995, "{fairness}: {by_org:?}");
    ensure!(calls <= 2.0, "{calls} script calls a grant");
    Ok(())
}

/// Goal: G4 among replicas. Method: as above, and one replica is 30 ms away from the store, and the store from it: a
/// round trip takes 60 ms.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_far_replica_gets_its_share() -> Result<()> {
    let fleet = Fleet::start_with_a_far_one(SHARED, REPLICAS, Some(FAR)).await?;
    let load = saturate(&fleet).await?;
    let from_us = fleet.now_us().await?;
    let to_us = fleet.pass(Duration::from_secs(SECONDS.chosen())).await?;
    let ledger = fleet.end(load).await?;
    never_over(&ledger)?;
    let granted = ledger.between(from_us, to_us);
    let by_replica = granted.count_by(|grant| grant.replica);
    let equal = granted.count() / real(REPLICAS as u64);
    let (utilisation, fairness) =
        (utilisation(&granted, from_us, to_us), jain(granted.count_by(|grant| grant.org.clone()).values()));
    println!("utilisation {utilisation:.4}, Jain {fairness:.5}, by replica {by_replica:?}");
    ensure!(utilisation >= 0.98, "{utilisation}");
    ensure!(fairness >= 0.995, "{fairness}");
    ensure!(by_replica.len() == REPLICAS, "{by_replica:?}");
    ensure!(by_replica.values().all(|share| *share >= 0.8 * equal), "{by_replica:?}");
    Ok(())
}
