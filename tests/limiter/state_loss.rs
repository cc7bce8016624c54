//! The store forgets: scripts, or everything. Nobody notices but by waiting, and nothing comes back full.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Result, ensure};
use tokio::task::JoinSet;
use tollgate::Tollgate;
use tollgate_testkit::{RedisServer, eventually};

use super::{call, gate, per_org};

/// Tokens a second, and the most at once.
const RATE: u64 = 200;
const BURST: u64 = 100;

/// Callers that run until they are told to stop, and when each of their calls was granted.
struct Load {
    stop: Arc<AtomicBool>,
    callers: JoinSet<Result<Vec<u64>, tollgate::Error>>,
}

impl Load {
    fn start(gates: &[Tollgate]) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let mut callers = JoinSet::new();
        for number in 0..16 {
            let (gate, stop) = (gates[number % gates.len()].clone(), Arc::clone(&stop));
            callers.spawn(async move {
                let mut grants = Vec::new();
                while !stop.load(Ordering::Relaxed) {
                    grants.push(gate.acquire(&call("acme")).await?.granted_at_us());
                }
                Ok(grants)
            });
        }
        Self { stop, callers }
    }

    /// All grants in the order of the store's time. No caller has seen an error.
    async fn finish(mut self) -> Result<Vec<u64>> {
        self.stop.store(true, Ordering::Relaxed);
        let mut grants = Vec::new();
        while let Some(caller) = self.callers.join_next().await {
            grants.extend(caller??);
        }
        grants.sort_unstable();
        Ok(grants)
    }
}

/// That no interval has more grants than the burst and what came back in it.
fn never_over(grants: &[u64]) -> Result<()> {
    for (first, &from) in grants.iter().enumerate() {
        for (last, &to) in grants.iter().enumerate().skip(first + usize::try_from(BURST)?) {
            let (granted, most) = ((last - first + 1) as u64, BURST + RATE * (to - from) / 1_000_000);
            ensure!(granted <= most, "{granted} grants in {} us, {most} are allowed", to - from);
        }
    }
    Ok(())
}

/// Waits until the load has had `count` more grants than its burst, by what the bucket's record says is gone.
async fn runs(server: &RedisServer) -> Result<()> {
    let mut connection = server.connection()?;
    let mut calls = || -> Result<u64> {
        let info: String = redis::cmd("INFO").arg("commandstats").query(&mut connection)?;
        let hset = info
            .lines()
            .find_map(|line| line.strip_prefix("cmdstat_hset:calls=")?.split(',').next()?.parse().ok());
        Ok(hset.unwrap_or(0))
    };
    let before = calls()?;
    eventually("a hundred more writes of the script", Duration::from_secs(20), async || match calls() {
        Ok(now) if now >= before + 100 => Ok(()),
        other => Err(format!("{other:?}, before it was {before}")),
    })
    .await
}

/// Goal: the scripts may be flushed under load. Method: callers of two replicas see no error and no window is over.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_script_flush_under_load_is_not_noticed() -> Result<()> {
    let server = RedisServer::start()?;
    let policy = per_org(&format!("rate = '{RATE}/s'\nburst = {BURST}"))?;
    let gates = [gate(&server.url(), policy.clone()).await?, gate(&server.url(), policy).await?];
    let load = Load::start(&gates);
    for _ in 0..3 {
        runs(&server).await?;
        redis::cmd("SCRIPT").arg("FLUSH").exec(&mut server.connection()?)?;
    }
    runs(&server).await?;
    never_over(&load.finish().await?)
}

/// Goal: G11. Method: everything is flushed under load, again and again; callers of two replicas see no error, the
/// policy is back as it was, and though every flush has forgotten what was spent, no interval across it is over.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flush_of_everything_under_load_never_fills_a_bucket() -> Result<()> {
    let server = RedisServer::start()?;
    let policy = per_org(&format!("rate = '{RATE}/s'\nburst = {BURST}"))?;
    let gates = [gate(&server.url(), policy.clone()).await?, gate(&server.url(), policy).await?];
    let before = gates[0].policy().await?;
    let load = Load::start(&gates);
    for _ in 0..3 {
        runs(&server).await?;
        redis::cmd("FLUSHALL").exec(&mut server.connection()?)?;
    }
    runs(&server).await?;
    never_over(&load.finish().await?)?;
    let after = gates[1].policy().await?;
    ensure!((after.tag, after.document) == (before.tag, before.document));
    Ok(())
}

/// Goal: G11 for a server that comes up again with what it had, which may be from earlier. Method: it is restarted with
/// a snapshot from before the burst was spent; the bucket is empty, not as the snapshot has it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_counts_as_a_loss_of_state() -> Result<()> {
    let mut server = RedisServer::start()?;
    let gate = gate(&server.url(), per_org("rate = '1/1h'\nburst = 100")?).await?;
    super::granted(&gate, &call("acme")).await?;
    redis::cmd("SAVE").exec(&mut server.connection()?)?;
    for _ in 0..60 {
        super::granted(&gate, &call("acme")).await?;
    }
    server.kill()?;
    server.restart()?;
    let decision = eventually("an answer of the restarted server", Duration::from_secs(10), async || {
        gate.try_acquire(&call("acme")).await
    });
    let decision = decision.await?;
    ensure!(matches!(decision, tollgate::Decision::Refused(_)), "{decision:?}");
    Ok(())
}
