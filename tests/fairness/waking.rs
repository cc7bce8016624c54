//! Changes that reach calls while they sleep.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tollgate::Call;

use crate::fleet::{Fleet, now};

const SLOW: &str =
    "namespace = 'genesys'\n[[limit]]\nname = 'token'\nper = ['client']\nrate = '1/1h'\nburst = 1\n";
const RAISED: &str =
    "namespace = 'genesys'\n[[limit]]\nname = 'token'\nper = ['client']\nrate = '1000/s'\nburst = 10\n";

/// The promise: besides a round trip.
const REACHED_WITHIN: Duration = Duration::from_millis(250);
const PHASES: u64 = 30;

/// Goal: a raise reaches sleeping calls in time, wherever they sleep. Method: a call of another replica sleeps for an
/// hour, the quota is raised at every phase of the watch, and the call is granted; measured is from the raise to its
/// answer.
#[tokio::test(start_paused = true)]
async fn a_raise_reaches_sleepers_within_a_quarter_of_a_second() -> Result<()> {
    for far in [0, 10, 20, 40, 60].map(Duration::from_millis) {
        let mut took = Vec::new();
        for phase in 0..PHASES {
            let fleet = Fleet::start(SLOW, &[Duration::ZERO, far]).await?;
            let call = Call::get("/api/v2/users").org("acme").client("app");
            fleet.replicas[0].acquire(&call).await?;
            let (gate, waiting) = (fleet.replicas[1].clone(), call.clone());
            let sleeper = tokio::spawn(async move { gate.acquire(&waiting).await.map(|_| now()) });
            tokio::time::sleep_until(now() + Duration::from_secs(1) + Duration::from_millis(phase * 7)).await;
            ensure!(!sleeper.is_finished(), "it sleeps");
            fleet.govern(0, RAISED).await?;
            let raised = now();
            let granted = tokio::time::timeout(Duration::from_secs(10), sleeper).await;
            took.push(granted.context("it sleeps on")??? - raised);
        }
        took.sort_unstable();
        let most = took.last().copied().unwrap_or_default();
        println!("{far:?} away: half within {:?}, all within {most:?}", took[took.len() / 2]);
        ensure!(most <= REACHED_WITHIN + far, "{far:?} away: {took:?}");
    }
    Ok(())
}
