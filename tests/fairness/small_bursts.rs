//! A burst of few tokens beside a replica that is far away: what is granted of the limit, and what the far one has of
//! it.

use std::time::Duration;

use anyhow::{Result, ensure};
use tollgate::Priority;

use crate::figures::tokens;
use crate::fleet::{Demand, Fleet};

const SETTLED: Duration = Duration::from_secs(2);
/// So many tokens are earned while it is measured.
const MEASURED: f64 = 500.0;

/// What part of a limit of so many tokens a second is granted, and what part of that to the far one of two replicas,
/// each with so many organisations of its own.
async fn shares(rate: u32, burst: u32, far: Duration, orgs: usize) -> Result<(f64, f64)> {
    let policy = format!(
        "namespace = 'genesys'\n[[limit]]\nname = 'token'\nper = ['client']\nrate = '{rate}/s'\nburst = {burst}\n"
    );
    let fleet = Fleet::start(&policy, &[Duration::ZERO, far]).await?;
    for replica in 0..2 {
        for org in 0..orgs {
            fleet.demand(&Demand {
                replica,
                org: format!("org-{replica}-{org}"),
                client: "app".to_owned(),
                path: "/api/v2/users",
                priority: Priority::Normal,
                cost: 1,
                callers: 12,
            });
        }
    }
    let end = SETTLED + Duration::from_secs_f64(MEASURED / f64::from(rate));
    fleet.until(end).await;
    let granted = fleet.granted(SETTLED, end)?;
    let all = tokens(&granted);
    let (_, far): (Vec<_>, Vec<_>) = granted.into_iter().partition(|granted| granted.replica == 0);
    Ok((all / MEASURED, tokens(&far) / all))
}

/// Goal: what small bursts cost is known. Method: two replicas, one of them far, both asked for more than there is. The
/// far one has its half throughout; nothing is wasted where a bucket holds a token more than is earned in a round trip.
#[tokio::test(start_paused = true)]
async fn a_burst_of_a_round_trip_and_a_token_is_used_up() -> Result<()> {
    for (rate, orgs) in [(5, 1), (5, 10), (170, 1), (170, 10)] {
        for burst in [1, 2, 3, 5, 10].into_iter().take(if rate == 5 { 1 } else { 5 }) {
            for far in [10, 40].map(Duration::from_millis) {
                let (used, share) = shares(rate, burst, far, orgs).await?;
                let what = format!("{rate}/s, {orgs} a replica, burst {burst}, {far:?} away");
                println!("{what}: {used:.3} granted, {share:.3} of it there");
                ensure!((0.45..=0.55).contains(&share), "{what}: {share} of it there");
                if f64::from(burst) >= f64::from(rate) * far.as_secs_f64() + 1.0 {
                    ensure!(used >= 0.98, "{what}: {used} granted");
                }
            }
        }
    }
    Ok(())
}
