//! Who gets how much of a limit that all of them want more of.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tollgate::Priority;

use crate::figures::{count_by, jain, mean, percentile, tokens};
use crate::fleet::{Demand, Fleet, Granted};

const ORGS: usize = 50;
const REPLICAS: usize = 8;
/// Tokens a second that `SHARED` grants, sustained: 16,201 a minute.
const SUSTAINED: f64 = 16_201.0 / 60.0;

/// One OAuth client's quota, which all organisations share.
const SHARED: &str = r#"
namespace = "genesys"
[[limit]]
name  = "token"
per   = ["client"]
quota = "18000/1m"
"#;

const NEAR: Duration = Duration::ZERO;
const FAR: Duration = Duration::from_millis(60);
/// After this long all that was there at the beginning has been spent, and everybody waits.
const SETTLED: Duration = Duration::from_secs(10);
const MEASURED: Duration = Duration::from_secs(30);
const END: Duration = SETTLED.saturating_add(MEASURED);

/// `SHARED` with weights of some organisations.
fn weighted(weights: &str) -> String {
    format!("{SHARED}{weights}\n")
}

fn batch(replica: usize, org: usize) -> Demand {
    Demand {
        replica,
        org: format!("org-{org}"),
        client: "app".to_owned(),
        path: "/api/v2/users",
        priority: Priority::Batch,
        cost: 1,
        callers: if org == 0 { 40 } else { 4 },
    }
}

async fn saturated(round_trips: &[Duration]) -> Result<Fleet> {
    saturated_under(SHARED, round_trips).await
}

async fn saturated_under(policy: &str, round_trips: &[Duration]) -> Result<Fleet> {
    let fleet = Fleet::start(policy, round_trips).await?;
    for replica in 0..round_trips.len() {
        for org in 0..ORGS {
            fleet.demand(&batch(replica, org));
        }
    }
    Ok(fleet)
}

/// One organisation asks for ten times as much as the others and gets as much as they do.
#[tokio::test(start_paused = true)]
async fn organisations_get_equal_shares_however_much_they_ask_for() -> Result<()> {
    let fleet = saturated(&[NEAR; REPLICAS]).await?;
    fleet.until(SETTLED).await;
    let calls = fleet.store.calls();
    fleet.until(END).await;
    let granted = fleet.granted(SETTLED, END)?;
    let calls = f64::from(u32::try_from(fleet.store.calls() - calls)?) / tokens(&granted);
    let by_org = count_by(&granted, |granted| granted.org.clone());
    let utilisation = tokens(&granted) / MEASURED.as_secs_f64() / SUSTAINED;
    let fairness = jain(by_org.values().copied());
    println!("utilisation {utilisation:.4}, Jain {fairness:.5}, script calls a grant {calls:.2}");
    ensure!(calls <= 2.0, "{calls}");
    ensure!(utilisation >= 0.98, "{utilisation}");
    ensure!(by_org.len() == ORGS && fairness >= 0.995, "{fairness}: {by_org:?}");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_far_replica_gets_its_share() -> Result<()> {
    let mut round_trips = [NEAR; REPLICAS];
    round_trips[0] = FAR;
    let fleet = saturated(&round_trips).await?;
    fleet.until(END).await;
    let granted = fleet.granted(SETTLED, END)?;
    let by_replica = count_by(&granted, |granted| granted.replica);
    let equal = mean(by_replica.values().copied());
    println!("{} granted, by replica {by_replica:?}", granted.len());
    ensure!(
        by_replica.len() == REPLICAS && by_replica.values().all(|share| *share >= 0.8 * equal),
        "{by_replica:?}"
    );
    Ok(())
}

/// Five interactive calls a second of one organisation into the saturation.
#[tokio::test(start_paused = true)]
async fn an_interactive_call_passes_those_that_can_wait() -> Result<()> {
    let fleet = saturated(&[NEAR; REPLICAS]).await?;
    fleet.until(SETTLED).await;
    let interactive = Demand { priority: Priority::Interactive, callers: 1, ..batch(3, 7) };
    fleet.every(Duration::from_millis(201), &interactive);
    fleet.until(END).await;
    let granted = fleet.granted(SETTLED, END)?;
    let (fast, slow): (Vec<_>, Vec<_>) =
        granted.into_iter().partition(|granted| granted.priority == Priority::Interactive);
    let p99 = percentile(&fast, 99)?;
    println!(
        "{} interactive, p50 {:?}, p99 {p99:?}; {} batch",
        fast.len(),
        percentile(&fast, 50)?,
        slow.len()
    );
    ensure!(p99 <= Duration::from_secs_f64(3.0 / SUSTAINED) + Duration::from_millis(5), "{p99:?}");
    let rest = SUSTAINED * MEASURED.as_secs_f64() - tokens(&fast);
    ensure!(tokens(&slow) >= 0.9 * rest);
    Ok(())
}

/// What an organisation of weight 3 gets beside one of weight 1: the mean of those with that weight over the others.
fn ratio(granted: &[Granted], heavy: &[&str]) -> f64 {
    let by_org = count_by(granted, |granted| granted.org.clone());
    let (heavier, others): (BTreeMap<_, _>, BTreeMap<_, _>) =
        by_org.into_iter().partition(|(org, _)| heavy.contains(&org.as_str()));
    mean(heavier.into_values()) / mean(others.into_values())
}

#[tokio::test(start_paused = true)]
async fn weights_of_three_to_one_give_three_to_one() -> Result<()> {
    let policy = weighted("weight.org-3 = 3\nweight.org-4 = 3");
    let fleet = saturated_under(&policy, &[NEAR; REPLICAS]).await?;
    fleet.until(END).await;
    let ratio = ratio(&fleet.granted(SETTLED, END)?, &["org-3", "org-4"]);
    ensure!((2.91..=3.09).contains(&ratio), "{ratio}");
    Ok(())
}

/// The new weights hold from one second after the change on.
#[tokio::test(start_paused = true)]
async fn changed_weights_bind_within_a_second() -> Result<()> {
    let fleet = saturated(&[NEAR; REPLICAS]).await?;
    fleet.until(SETTLED).await;
    fleet.govern(0, &weighted("weight.org-3 = 3\nweight.org-4 = 3")).await?;
    let bound = SETTLED + Duration::from_secs(1);
    fleet.until(END).await;
    let ratio = ratio(&fleet.granted(bound, END)?, &["org-3", "org-4"]);
    ensure!((2.91..=3.09).contains(&ratio), "{ratio}");
    Ok(())
}

/// Half of the organisations pass a second shared limit that is tighter for them. The shares are those that
/// water-filling gives: the tight ones are held by their own limit, the others share what is left.
#[tokio::test(start_paused = true)]
async fn two_shared_limits_give_max_min_shares() -> Result<()> {
    const WIDE: f64 = 300.0;
    const TIGHT: f64 = 60.0;
    let policy = format!(
        "namespace = 'genesys'\n[[limit]]\nname = 'platform'\nper = []\nrate = '{WIDE}/s'\n\
         [[limit]]\nname = 'client'\nper = ['client']\nrate = '1000/s'\noverride.tight = {{ rate = '{TIGHT}/s', burst = 60 }}\n"
    );
    let fleet = Fleet::start(&policy, &[NEAR; REPLICAS]).await?;
    for replica in 0..REPLICAS {
        for org in 0..ORGS {
            let client = if org < ORGS / 2 { "tight" } else { "wide" };
            fleet.demand(&Demand { client: client.to_owned(), ..batch(replica, org) });
        }
    }
    fleet.until(END).await;
    let by_org = count_by(&fleet.granted(SETTLED, END)?, |granted| granted.org.clone());
    let seconds = MEASURED.as_secs_f64();
    let half = f64::from(u32::try_from(ORGS)?) / 2.0;
    let (tight, wide) = (TIGHT / half, (WIDE - TIGHT) / half);
    for (org, share) in &by_org {
        let number: usize = org["org-".len()..].parse().context("a number")?;
        let due = if number < ORGS / 2 { tight } else { wide } * seconds;
        ensure!((0.97 * due..=1.03 * due).contains(share), "{org} got {share} of {due}: {by_org:?}");
    }
    ensure!(by_org.len() == ORGS, "{by_org:?}");
    Ok(())
}
