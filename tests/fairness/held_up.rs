//! Whoever is held up at one limit: its place in the line at another.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tollgate::Priority;

use crate::figures::{count_by, jain, mean};
use crate::fleet::{Demand, Fleet};

const NEAR: Duration = Duration::ZERO;
const FAR: Duration = Duration::from_millis(50);
const SETTLED: Duration = Duration::from_secs(3);
const MEASURED: Duration = Duration::from_secs(30);

/// A bucket that holds a single token inside one that holds a few: whose turn it is at one often finds none at the
/// other.
const SMALL: &str = "
namespace = 'genesys'
[[limit]]
name  = 'everybody'
per   = []
rate  = '123/s'
burst = 3
[[limit]]
name  = 'client'
per   = ['client']
rate  = '176/s'
burst = 1
";

/// The organisations of one client have less of its limit than their part of what all are granted.
const TIGHT: &str = "
namespace = 'genesys'
[[limit]]
name = 'everybody'
per  = []
rate = '100/s'
[[limit]]
name = 'client'
per  = ['client']
rate = '1000/s'
override.tight = { rate = '50/s', burst = 50 }
";

fn demand(replica: usize, org: &str, client: &str, callers: usize) -> Demand {
    Demand {
        replica,
        org: org.to_owned(),
        client: client.to_owned(),
        path: "/api/v2/users",
        priority: Priority::Interactive,
        cost: 1,
        callers,
    }
}

/// Goal: an organisation on one replica has as much as equal ones on several, also where its calls wait now at one
/// limit, now at another. Method: two limits with small bursts. Once whoever waited at one of them without a ticket of
/// the other began anew there, while the others had such tickets in some of their replicas, and kept their turns: it
/// got three quarters of what they did.
#[tokio::test(start_paused = true)]
async fn one_replica_that_is_held_up_elsewhere_has_as_much_as_several() -> Result<()> {
    let round_trips = [NEAR, NEAR, NEAR, NEAR, FAR, FAR];
    let fleet = Fleet::start(SMALL, &round_trips).await?;
    fleet.demand(&demand(0, "single", "app", 3));
    for (replica, &round_trip) in round_trips.iter().enumerate() {
        for org in ["first", "second"] {
            fleet.demand(&demand(replica, org, "app", if round_trip == FAR { 12 } else { 3 }));
        }
        for org in ["third", "fourth"] {
            fleet.demand(&demand(replica, org, "another app", 3));
        }
        fleet.demand(&Demand { priority: Priority::Normal, ..demand(replica, "light", "app", 2) });
    }
    let end = SETTLED + MEASURED;
    fleet.until(end).await;
    let mut by_org = count_by(&fleet.granted(SETTLED, end)?, |granted| granted.org.clone());
    println!("{by_org:?}");
    by_org.retain(|org, _| ["single", "first", "second"].contains(&org.as_str()));
    let fairness = jain(by_org.values().copied());
    ensure!(by_org.len() == 3 && fairness >= 0.995, "{fairness}: {by_org:?}");
    Ok(())
}

/// Goal: what could not be had because of one limit is not made up for at another later. Method: an organisation waits
/// at a limit that it shares with nine others, and has much less of the next than two that are not held up: its arrears
/// there come to hundreds of calls. Then the nine are gone.
#[tokio::test(start_paused = true)]
async fn whoever_was_held_up_has_no_more_than_its_share_afterwards() -> Result<()> {
    const RIVALS: usize = 2;
    let fleet = Fleet::start(TIGHT, &[NEAR, NEAR, NEAR]).await?;
    fleet.demand(&demand(0, "held", "tight", 20));
    for org in ["first", "second"] {
        fleet.demand(&demand(1, org, "wide", 20));
    }
    for rival in 0..9 {
        fleet.demand(&demand(RIVALS, &format!("rival-{rival}"), "tight", 20));
    }
    let freed = Duration::from_secs(20);
    fleet.until(freed).await;
    fleet.kill(RIVALS);
    let (from, to) = (freed + Duration::from_secs(1), freed + Duration::from_secs(6));
    fleet.until(to).await;
    let by_org = count_by(&fleet.granted(from, to)?, |granted| granted.org.clone());
    println!("{by_org:?}");
    let held = by_org.get("held").context("it was granted something")?;
    ensure!(*held <= 1.1 * mean(by_org.values().copied()), "{by_org:?}");
    Ok(())
}
