//! Calls that somebody waits for, among those that can wait.

use std::time::Duration;

use anyhow::{Result, ensure};

use super::fleet::Fleet;
use super::load::Demand;
use super::saturation::{REPLICAS, SECONDS, SHARED, TERMS, batch, never_over, saturate, utilisation};

/// `SHARED`, and a client that nothing holds up.
fn with_an_idle_client() -> String {
    format!("{SHARED}override.idle = {{ rate = '1000/s', burst = 1000 }}\n")
}

/// Goal: G5. Method: five interactive calls a second of one org into the saturation. Beside them, on the same replica,
/// go as many calls of a client whose bucket is full: they take the way from the caller to the replica and on to the
/// store, and back, and how long that takes on this machine in this minute is the round trip that the promise speaks
/// of.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_interactive_call_passes_those_that_can_wait() -> Result<()> {
    let fleet = Fleet::start(&with_an_idle_client(), REPLICAS).await?;
    let mut load = saturate(&fleet).await?;
    let interactive = Demand { priority: "interactive", ..batch(3, 7) };
    let from_us = fleet.now_us().await?;
    load.every(Duration::from_millis(200), &interactive);
    load.every(Duration::from_millis(199), &Demand { client: "idle", ..interactive });
    let to_us = fleet.pass(Duration::from_secs(SECONDS.chosen())).await?;
    let ledger = fleet.end(load).await?.between(from_us, to_us);
    let shared = ledger.only(|grant| grant.client == "app");
    never_over(&shared)?;
    let round_trip = ledger.only(|grant| grant.client == "idle");
    let fast = shared.only(|grant| grant.priority == "interactive");
    let slow = shared.only(|grant| grant.priority == "batch");
    let interval = Duration::from_secs_f64(1.0 / TERMS.per_second());
    for (what, ledger) in [("interactive", &fast), ("round trip", &round_trip), ("batch", &slow)] {
        let [median, p90, p99] = [ledger.waited(50)?, ledger.waited(90)?, ledger.waited(99)?];
        println!("{what}: {}, p50 {median:?}, p90 {p90:?}, p99 {p99:?}", ledger.count());
    }
    let most = 3 * interval + 2 * round_trip.waited(50)? + Duration::from_millis(5);
    ensure!(fast.waited(99)? <= most, "{:?}, at most {most:?}", fast.waited(99)?);
    let rest = utilisation(&shared, from_us, to_us);
    let rest = rest * slow.count() / shared.count();
    let fast_part =
        fast.count() / (TERMS.per_second() * Duration::from_micros(to_us - from_us).as_secs_f64());
    println!("batch has {rest:.4} of the quota, interactive {fast_part:.4}");
    ensure!(rest >= 0.9 * (1.0 - fast_part), "{rest}");
    Ok(())
}
