//! Replicas on a Redis of their own. The tests of this suite measure: only one fleet runs at a time.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use reqwest::header::{CONTENT_TYPE, IF_MATCH};
use tokio::sync::{Mutex, MutexGuard};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tollgate_testkit::{Direction, FaultProxy, RedisServer, Replica};

use super::ledger::Ledger;
use super::load::Load;

/// The fleet that runs has the machine for itself.
static MACHINE: Mutex<()> = Mutex::const_new(());

/// Whoever measures, or has many processes, waits for it.
pub(crate) async fn machine() -> MutexGuard<'static, ()> {
    MACHINE.lock().await
}

/// Replicas, the Redis they share, and the way of one of them to it.
pub(crate) struct Fleet {
    pub(crate) replicas: Vec<Replica>,
    server: RedisServer,
    store: redis::aio::MultiplexedConnection,
    http: reqwest::Client,
    killed: Vec<usize>,
    _way: Option<FaultProxy>,
    _machine: MutexGuard<'static, ()>,
}

impl Fleet {
    /// So many replicas of this policy.
    pub(crate) async fn start(policy: &str, count: usize) -> Result<Self> {
        Self::start_with_a_far_one(policy, count, None).await
    }

    /// So many replicas of this policy, the first of them `one_way` from the store, each way.
    pub(crate) async fn start_with_a_far_one(
        policy: &str,
        count: usize,
        one_way: Option<Duration>,
    ) -> Result<Self> {
        let machine = machine().await;
        let server = RedisServer::start()?;
        let store = redis::Client::open(server.url())?.get_multiplexed_async_connection().await?;
        let way = one_way.map(|one_way| far(&server, one_way)).transpose()?;
        let mut starting = JoinSet::new();
        for index in 0..count {
            let url = way.as_ref().filter(|_| index == 0).map_or_else(|| server.url(), FaultProxy::url);
            let replica = Replica::builder().store(url).namespace("fleet").policy(policy).start();
            starting.spawn(async move { Ok::<_, anyhow::Error>((index, replica.await?)) });
        }
        let mut replicas = starting.join_all().await.into_iter().collect::<Result<Vec<_>>>()?;
        replicas.sort_by_key(|(index, _)| *index);
        let replicas = replicas.into_iter().map(|(_, replica)| replica).collect();
        Ok(Self {
            replicas,
            server,
            store,
            http: reqwest::Client::new(),
            killed: Vec::new(),
            _way: way,
            _machine: machine,
        })
    }

    /// A load on these replicas, which nobody asks for anything yet.
    pub(crate) fn load(&self) -> Load {
        let urls = self.replicas.iter().map(|replica| replica.url("/v1/fleet/acquire"));
        Load::new(urls.collect(), self.store.clone())
    }

    /// The store's clock, in microseconds.
    pub(crate) async fn now_us(&self) -> Result<u64> {
        time_us(&self.store).await
    }

    /// Lets so much time pass. Returns the store's clock then.
    #[expect(clippy::disallowed_methods, reason = "real processes run in real time")]
    pub(crate) async fn pass(&self, time: Duration) -> Result<u64> {
        tokio::time::sleep_until(Instant::now() + time).await;
        self.now_us().await
    }

    /// How many scripts the store has run.
    pub(crate) async fn script_calls(&self) -> Result<u64> {
        let info: String =
            redis::cmd("INFO").arg("commandstats").query_async(&mut self.store.clone()).await?;
        let calls = |command: &str| {
            let line = info.lines().find_map(|line| line.strip_prefix(command))?;
            line.strip_prefix(":calls=")?.split(',').next()?.parse::<u64>().ok()
        };
        let evalsha = calls("cmdstat_evalsha").with_context(|| format!("no EVALSHA in {info}"))?;
        Ok(evalsha + calls("cmdstat_eval").unwrap_or(0))
    }

    /// Puts another policy into force, through one replica.
    pub(crate) async fn govern(&self, replica: usize, policy: &str) -> Result<()> {
        let request = self.http.put(self.replicas[replica].url("/v1/fleet/policy"));
        let request = request.header(IF_MATCH, "*").header(CONTENT_TYPE, "application/toml");
        let answer = request.body(policy.to_owned()).send().await?;
        let status = answer.status();
        ensure!(status.is_success(), "{status}: {}", answer.text().await?);
        Ok(())
    }

    /// Kills a replica, and those who call it know. Returns the store's clock then.
    pub(crate) async fn kill(&mut self, replica: usize, load: &Load) -> Result<u64> {
        load.lose(replica);
        self.killed.push(replica);
        self.replicas[replica].kill()?;
        self.now_us().await
    }

    /// Stops a replica for so long. Returns the store's clock when it goes on.
    pub(crate) async fn hold_up(&self, replica: usize, time: Duration) -> Result<u64> {
        self.replicas[replica].stop()?;
        let now_us = self.pass(time).await;
        self.replicas[replica].cont()?;
        now_us
    }

    /// Ends the load and then all replicas, which must not complain. Returns what was granted.
    pub(crate) async fn end(mut self, load: Load) -> Result<Ledger> {
        let ledger = load.end().await?;
        let killed = self.killed;
        let alive = self.replicas.iter_mut().enumerate().filter(|(index, _)| !killed.contains(index));
        for (_, replica) in alive {
            let status = replica.terminate().await?;
            ensure!(status.success(), "{status}: {}", replica.log());
        }
        drop(self.server);
        Ok(ledger)
    }
}

fn far(server: &RedisServer, one_way: Duration) -> Result<FaultProxy> {
    let way = FaultProxy::tcp(server)?;
    way.delay(Direction::ToServer, one_way);
    way.delay(Direction::ToClient, one_way);
    Ok(way)
}

/// The store's own time.
pub(crate) async fn time_us(store: &redis::aio::MultiplexedConnection) -> Result<u64> {
    let (seconds, micros): (u64, u64) = redis::cmd("TIME").query_async(&mut store.clone()).await?;
    Ok(seconds * 1_000_000 + micros)
}
