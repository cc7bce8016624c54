//! Calls in flight at a replica that dies.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tollgate_testkit::eventually;

use super::fleet::Fleet;

const POLICY: &str =
    "namespace = 'fleet'\n[[limit]]\nname = 'exports'\nper = ['client']\nconcurrent = 20\nlease = '3s'\n";
const LEASE_US: u64 = 3_000_000;
/// Who waits for others to be over looks again within 250 ms; the rest is the machine's.
const TAKEN_WITHIN_US: u64 = 750_000;

/// The replica that dies.
const VICTIM: usize = 2;

/// A caller of one replica.
#[derive(Clone)]
struct Caller {
    http: Client,
    url: String,
}

/// A permit, and when it was granted by the store's clock.
struct Held {
    id: String,
    at_us: u64,
}

impl Caller {
    fn of(fleet: &Fleet, replica: usize) -> Self {
        Self { http: Client::new(), url: fleet.replicas[replica].url("/v1/fleet") }
    }

    async fn ask(self, max_wait: &'static str) -> Result<Value> {
        let call = json!({ "org": "acme", "client": "app", "method": "GET", "path": "/exports" });
        let asked = json!({ "call": call, "max_wait": max_wait });
        Ok(self.http.post(format!("{}/acquire", self.url)).json(&asked).send().await?.json().await?)
    }

    async fn take(self, max_wait: &'static str) -> Result<Held> {
        let granted = self.ask(max_wait).await?;
        let id = granted["permit"].as_str().with_context(|| format!("{granted}"))?.to_owned();
        Ok(Held { id, at_us: granted["granted_at_us"].as_u64().context("when it was granted")? })
    }

    /// Renews these permits again and again.
    async fn beat(self, ids: Vec<String>) -> Result<()> {
        let mut ticks = tokio::time::interval(Duration::from_millis(500));
        loop {
            ticks.tick().await;
            for id in &ids {
                let answer = self.http.post(format!("{}/permits/{id}/heartbeat", self.url)).send().await?;
                ensure!(answer.status() == StatusCode::NO_CONTENT, "{}", answer.status());
            }
        }
    }
}

/// Goal: what a killed replica holds costs the others no more than the time of its leases, and those who wait there
/// cost them nothing. Method: twenty of twenty calls in flight were granted by a replica at which a hundred more wait;
/// it is killed. Five of the twenty are renewed at another replica: their callers live. The places of the others are
/// taken when their leases have run out, not before, and all of them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_killed_replica_holds_is_free_after_its_lease() -> Result<()> {
    let mut fleet = Fleet::start(POLICY, 3).await?;
    let load = fleet.load();
    let callers: Vec<_> = (0..3).map(|replica| Caller::of(&fleet, replica)).collect();
    let mut held = Vec::new();
    for _ in 0..20 {
        // The first one waits for a lease time: who was in flight before the namespace began is not known.
        held.push(callers[VICTIM].clone().take("30s").await?);
    }
    ensure!(callers[0].clone().ask("0ms").await?["limited_by"]["measure"] == "in_flight");

    let before = fleet.script_calls().await?;
    let mut lost: JoinSet<_> = (0..100).map(|_| callers[VICTIM].clone().ask("60s")).collect();
    eventually("a hundred that wait", Duration::from_secs(10), async || {
        let looks = fleet.script_calls().await.map_err(|error| error.to_string())? - before;
        if looks >= 10 { Ok(()) } else { Err(format!("{looks} looks")) }
    })
    .await?;
    fleet.kill(VICTIM, &load).await?;
    let mut others: JoinSet<_> = (0..30).map(|number| callers[number % 2].clone().take("30s")).collect();
    let kept = held.iter().take(5).map(|held| held.id.clone()).collect();
    let mut beating = tokio::spawn(callers[0].clone().beat(kept));

    let mut taken = Vec::new();
    while taken.len() < 15 {
        tokio::select! {
            beaten = &mut beating => beaten??,
            next = others.join_next() => taken.push(next.context("fifteen places are free")???.at_us),
        }
    }
    let mut leases_end: Vec<_> = held.iter().map(|held| held.at_us + LEASE_US).collect();
    leases_end.sort_unstable();
    let (first_us, last_us) = (leases_end[0], leases_end[19]);
    println!(
        "leases end within {} us; taken {:?} us after the first",
        last_us - first_us,
        taken.iter().map(|at_us| at_us.cast_signed() - first_us.cast_signed()).collect::<Vec<_>>()
    );
    ensure!(taken.iter().all(|at_us| *at_us >= first_us), "a place was taken before a lease had run out");
    ensure!(taken.iter().all(|at_us| *at_us <= last_us + TAKEN_WITHIN_US), "a place was free, and not taken");
    // The five are in flight still.
    ensure!(callers[1].clone().ask("0ms").await?["limited_by"]["measure"] == "in_flight");

    beating.abort();
    lost.abort_all();
    others.shutdown().await;
    fleet.end(load).await.map(drop)
}
