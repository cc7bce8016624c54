//! Replicas that die, and replicas that stand still for a while.

use std::time::Duration;

use anyhow::{Result, ensure};
use tollgate::Priority;

use crate::figures::{count_by, mean, tokens};
use crate::fleet::{Demand, Fleet};

const RATE: f64 = 300.0;
const SHARED: &str =
    "namespace = 'genesys'\n[[limit]]\nname = 'token'\nper = ['client']\nrate = '300/s'\nburst = 30\n";
const REPLICAS: usize = 4;
const ORGS: usize = 10;

const SETTLED: Duration = Duration::from_secs(5);
/// For so long after the told time a ticket counts.
const GRACE: Duration = Duration::from_millis(200);
/// Then none of the dead does: where turns come so often as here, nobody is told to come later than in 300 ms.
const TICKETS_COUNT: Duration = GRACE.saturating_add(Duration::from_millis(300));

/// A saturated fleet: a hundred calls wait at each replica.
async fn saturated() -> Result<Fleet> {
    let fleet = Fleet::start(SHARED, &[Duration::ZERO; REPLICAS]).await?;
    for replica in 0..REPLICAS {
        for org in 0..ORGS {
            fleet.demand(&Demand {
                replica,
                org: format!("org-{org}"),
                client: "app".to_owned(),
                path: "/api/v2/users",
                priority: Priority::Batch,
                cost: 1,
                callers: 10,
            });
        }
    }
    Ok(fleet)
}

/// What was granted in each of so many seconds from `from` on, over what the limit gives.
fn utilisation(fleet: &Fleet, from: Duration, seconds: u32) -> Result<Vec<f64>> {
    let second = Duration::from_secs(1);
    let granted = |number| fleet.granted(from + second * number, from + second * (number + 1));
    (0..seconds).map(|number| Ok(tokens(&granted(number)?) / RATE)).collect()
}

/// Goal: the dead cost the others no more than the time for which their tickets count. Method: a replica with a hundred
/// waiters is cut off; of every second after that time nearly all is granted to the others.
#[tokio::test(start_paused = true)]
async fn a_dead_replica_costs_the_others_the_time_of_its_tickets() -> Result<()> {
    let fleet = saturated().await?;
    fleet.until(SETTLED).await;
    fleet.kill(0);
    fleet.until(SETTLED + Duration::from_secs(11)).await;
    let at_once = utilisation(&fleet, SETTLED, 2)?;
    let after = utilisation(&fleet, SETTLED + TICKETS_COUNT, 10)?;
    let lost = 2.0 - at_once.iter().sum::<f64>();
    println!("{lost:.3} s of tokens lost, then {after:?}");
    ensure!(lost <= GRACE.as_secs_f64(), "{lost} s of tokens are lost: {at_once:?}");
    ensure!(after.iter().all(|used| *used >= 0.95), "{after:?}");
    let granted = fleet.granted(SETTLED + TICKETS_COUNT, SETTLED + Duration::from_secs(10))?;
    ensure!(granted.iter().all(|granted| granted.replica != 0), "the dead replica was granted something");
    Ok(())
}

/// Goal: a replica that stands still for a while has its share again as soon as it goes on, and costs the others no
/// more than a dead one. Method: one of four is held up, for less than its tickets count and for much longer.
#[tokio::test(start_paused = true)]
async fn a_replica_that_stood_still_has_its_share_again() -> Result<()> {
    for (held, least) in [(Duration::from_millis(150), 0.95), (Duration::from_secs(5), 0.8)] {
        let fleet = saturated().await?;
        fleet.until(SETTLED).await;
        fleet.hold(0);
        fleet.until(SETTLED + held).await;
        fleet.resume(0);
        let (from, to) = (SETTLED + held, SETTLED + held + Duration::from_secs(5));
        fleet.until(to + TICKETS_COUNT).await;
        let used = utilisation(&fleet, SETTLED + TICKETS_COUNT, 5)?;
        let by_replica = count_by(&fleet.granted(from, to)?, |granted| granted.replica);
        let equal = mean(by_replica.values().copied());
        let own = by_replica.get(&0).copied().unwrap_or_default();
        println!("held for {held:?}: utilisation {used:?}, then by replica {by_replica:?}");
        ensure!(own >= least * equal && own <= 1.2 * equal, "held for {held:?}: {by_replica:?}");
        ensure!(used.iter().all(|used| *used >= 0.95), "held for {held:?}: {used:?}");
    }
    Ok(())
}
