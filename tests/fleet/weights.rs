//! Organisations that count for more than others.

use std::time::Duration;

use anyhow::{Result, ensure};

use super::fleet::Fleet;
use super::ledger::{Ledger, real};
use super::saturation::{ORGS, REPLICAS, SECONDS, SHARED, never_over, saturate, utilisation};

/// Those of weight 3. Some of them on every replica, so that a share is counted in hundreds.
const HEAVY: [&str; 5] = ["org-3", "org-4", "org-5", "org-6", "org-7"];
const WEIGHT: f64 = 3.0;
/// A change binds within this time.
const BOUND: Duration = Duration::from_secs(1);

fn weighted() -> String {
    HEAVY.iter().fold(SHARED.to_owned(), |policy, org| format!("{policy}weight.{org} = 3\n"))
}

/// What an org of weight 3 got, over what one of weight 1 got, in the mean.
fn ratio(ledger: &Ledger) -> f64 {
    let heavy = ledger.only(|grant| HEAVY.contains(&grant.org.as_str())).count();
    let heavies = real(HEAVY.len() as u64);
    heavy / heavies / ((ledger.count() - heavy) / (real(ORGS as u64) - heavies))
}

fn ensure_three_to_one(ledger: &Ledger) -> Result<()> {
    let (ratio, by_org) = (ratio(ledger), ledger.count_by(|grant| grant.org.clone()));
    println!("{ratio:.3} to 1");
    ensure!((0.97 * WEIGHT..=1.03 * WEIGHT).contains(&ratio), "{ratio}: {by_org:?}");
    Ok(())
}

/// Goal: G4, weights. Method: five orgs weigh three times as much as the others from the beginning.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn weights_of_three_to_one_give_three_to_one() -> Result<()> {
    let fleet = Fleet::start(&weighted(), REPLICAS).await?;
    let load = saturate(&fleet).await?;
    let from_us = fleet.now_us().await?;
    let to_us = fleet.pass(Duration::from_secs(SECONDS.chosen())).await?;
    let ledger = fleet.end(load).await?;
    never_over(&ledger)?;
    ensure_three_to_one(&ledger.between(from_us, to_us))
}

/// Goal: a change of weights binds within a second on every replica. Method: the weights come with a policy that is put
/// on one replica under load; from a second later on they hold, and nothing was wasted meanwhile.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changed_weights_bind_within_a_second() -> Result<()> {
    let fleet = Fleet::start(SHARED, REPLICAS).await?;
    let load = saturate(&fleet).await?;
    let changed_us = fleet.now_us().await?;
    fleet.govern(5, &weighted()).await?;
    let from_us = fleet.pass(BOUND).await?;
    let to_us = fleet.pass(Duration::from_secs(SECONDS.chosen())).await?;
    let ledger = fleet.end(load).await?;
    never_over(&ledger)?;
    let utilisation = utilisation(&ledger, changed_us, to_us);
    println!("utilisation {utilisation:.4}");
    ensure!(utilisation >= 0.98, "{utilisation}");
    ensure_three_to_one(&ledger.between(from_us, to_us))
}
