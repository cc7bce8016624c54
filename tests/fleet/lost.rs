//! Replicas that die, and replicas that are held up: the others go on, and whoever comes back has kept his place.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tollgate_testkit::Sizes;

use super::fleet::Fleet;
use super::ledger::{Ledger, real};
use super::saturation::{FAR, ORGS, REPLICAS, SECONDS, SHARED, TERMS, never_over, saturate, utilisation};

/// The replica that it happens to.
const VICTIM: usize = 2;
/// After this long the others have everything.
const RECOVERED: Duration = Duration::from_secs(1);
/// Shorter than a ticket counts beyond the time at which its owner was told to come.
const SHORT: Duration = Duration::from_millis(150);
/// Far longer.
const LONG: Duration = Duration::from_secs(4);
/// How often a replica is held up for a short time.
const PAUSES: Sizes<usize> = Sizes { ci: 8, long: 40 };

/// The longest time within which nothing was granted.
fn longest_gap(ledger: &Ledger) -> Duration {
    let gaps = ledger.grants().windows(2).map(|pair| pair[1].at_us - pair[0].at_us);
    Duration::from_micros(gaps.max().unwrap_or(u64::MAX))
}

/// Goal: the death of a replica costs the others no more than the time for which its tickets count. Method: a replica
/// with 118 waiting calls is killed; from a second later on the others are granted everything, and never nothing for a
/// second.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_others_take_what_a_killed_replica_leaves() -> Result<()> {
    let mut fleet = Fleet::start(SHARED, REPLICAS).await?;
    let load = saturate(&fleet).await?;
    let killed_us = fleet.kill(VICTIM, &load).await?;
    let from_us = fleet.pass(RECOVERED).await?;
    let to_us = fleet.pass(Duration::from_secs(SECONDS.chosen())).await?;
    let ledger = fleet.end(load).await?;
    never_over(&ledger)?;
    let after = ledger.between(killed_us, to_us);
    let (first, then) = (utilisation(&after, killed_us, from_us), utilisation(&after, from_us, to_us));
    let gap = longest_gap(&after);
    println!("in the first second {first:.4}, then {then:.4}, longest gap {gap:?}");
    println!("{:?}", after.between(from_us, to_us).count_by(|grant| grant.replica));
    ensure!(then >= 0.98, "{then}");
    ensure!(gap < RECOVERED, "nothing was granted for {gap:?}");
    Ok(())
}

/// Goal: whoever is held up for less time than its tickets count loses nothing. Method: a replica is stopped for 150 ms
/// again and again; it has its share all the same, and nothing is wasted. Replicas take turns in rounds, in which each
/// is granted a call of each org: between two times that are no ends of rounds one has a round more than another.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_that_is_held_up_for_a_moment_keeps_its_share() -> Result<()> {
    let fleet = Fleet::start(SHARED, REPLICAS).await?;
    let load = saturate(&fleet).await?;
    let from_us = fleet.now_us().await?;
    for _ in 0..PAUSES.chosen() {
        fleet.hold_up(VICTIM, SHORT).await?;
        fleet.pass(Duration::from_secs(1)).await?;
    }
    let to_us = fleet.now_us().await?;
    let ledger = fleet.end(load).await?;
    never_over(&ledger)?;
    let granted = ledger.between(from_us, to_us);
    let by_replica = granted.count_by(|grant| grant.replica);
    let utilisation = utilisation(&granted, from_us, to_us);
    println!("utilisation {utilisation:.4}, by replica {by_replica:?}");
    ensure!(utilisation >= 0.98, "{utilisation}");
    let (own, equal) = (by_replica.get(&VICTIM).unwrap_or(&0.0), granted.count() / real(REPLICAS as u64));
    ensure!(own + real(ORGS as u64) >= equal, "{own} of {equal}: {by_replica:?}");
    Ok(())
}

/// Holds a replica up for four seconds. The others are granted everything meanwhile. When it comes back, those who wait
/// there, one of each org, are served before all others: in the time in which so many calls are granted, two round
/// trips, and a tenth of a second for the machine. In turns with the other replicas it would be eight times as long.
/// Calls that were on their way when it was stopped have no place to keep: a tenth may be of that kind. All are
/// answered in the end.
async fn hold_up_for_long(fleet: Fleet, victim: usize, round_trip: Duration) -> Result<()> {
    let load = saturate(&fleet).await?;
    let stopped_us = fleet.now_us().await?;
    let back_us = fleet.hold_up(victim, LONG).await?;
    let to_us = fleet.pass(Duration::from_secs(3)).await?;
    let ledger = fleet.end(load).await?;
    never_over(&ledger)?;
    let without = utilisation(&ledger, stopped_us + 1_000_000, back_us);
    let utilisation = utilisation(&ledger, stopped_us, to_us);
    let own = ledger.only(|grant| grant.at_us >= back_us && grant.replica == victim);
    let last = own.grants().get(ORGS * 9 / 10 - 1).context("those who waited have not been served")?;
    let served = Duration::from_micros(last.at_us - back_us);
    let most = Duration::from_secs_f64(real(ORGS as u64) / TERMS.per_second())
        + 2 * round_trip
        + Duration::from_millis(100);
    println!("utilisation {utilisation:.4}, without it {without:.4}; served in {served:?} of {most:?}");
    ensure!(without >= 0.98 && utilisation >= 0.98, "{without}, {utilisation}");
    ensure!(served <= most, "{served:?} instead of {most:?}");
    Ok(())
}

/// Goal: whoever is held up for far longer than its tickets count is not waited for, and is not purged either.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_that_was_held_up_for_long_is_served_first() -> Result<()> {
    hold_up_for_long(Fleet::start(SHARED, REPLICAS).await?, VICTIM, Duration::ZERO).await
}

/// The same of a far one, which has a batch on its way whenever it is stopped, and finds the answer long after its
/// time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_far_replica_that_was_held_up_for_long_is_served_first() -> Result<()> {
    let fleet = Fleet::start_with_a_far_one(SHARED, REPLICAS, Some(FAR)).await?;
    hold_up_for_long(fleet, 0, 2 * FAR).await
}
