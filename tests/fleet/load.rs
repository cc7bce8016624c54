//! Callers that ask for more than there is, for a while.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tollgate_testkit::{RedisServer, Replica};

use super::ledger::{Grant, Ledger};

/// So many callers on each replica, for so many orgs, for so long by the store's clock.
pub(crate) struct Load {
    pub(crate) callers: usize,
    pub(crate) orgs: usize,
    pub(crate) length: Duration,
}

/// One of them.
struct Caller {
    http: Client,
    url: String,
    org: String,
    store: redis::aio::MultiplexedConnection,
    until_us: u64,
}

impl Load {
    /// Runs all callers to their end. Every question has had one answer: a grant, or a refusal with a time.
    pub(crate) async fn run(&self, server: &RedisServer, replicas: &[Replica]) -> Result<Ledger> {
        let http = Client::builder().pool_max_idle_per_host(self.callers).build()?;
        let store = redis::Client::open(server.url())?.get_multiplexed_async_connection().await?;
        let until_us = time_us(&store).await? + u64::try_from(self.length.as_micros())?;
        let mut callers = JoinSet::new();
        for number in 0..self.callers * replicas.len() {
            let caller = Caller {
                http: http.clone(),
                url: replicas[number % replicas.len()].url("/v1/fleet/acquire"),
                org: format!("org-{}", number % self.orgs),
                store: store.clone(),
                until_us,
            };
            callers.spawn(caller.run());
        }
        let mut grants = Vec::new();
        while let Some(caller) = callers.join_next().await {
            grants.extend(caller??);
        }
        Ledger::new(grants)
    }
}

impl Caller {
    async fn run(self) -> Result<Vec<Grant>> {
        let mut grants = Vec::new();
        loop {
            let before_us = time_us(&self.store).await?;
            if before_us >= self.until_us {
                return Ok(grants);
            }
            if let Some(grant) = self.ask().await? {
                let after_us = time_us(&self.store).await?;
                // The replica's word for the store's time is checked against the store's own.
                ensure!((before_us..=after_us).contains(&grant.at_us), "{before_us}..{after_us}: {grant:?}");
                grants.push(grant);
            }
        }
    }

    async fn ask(&self) -> Result<Option<Grant>> {
        let call = json!({ "call": { "org": self.org, "method": "GET", "path": "/api/v2/users" }, "max_wait": "2s" });
        let answer = self.http.post(&self.url).json(&call).send().await?;
        let status = answer.status();
        let body: Value = answer.json().await?;
        match status {
            StatusCode::OK => Ok(Some(Grant {
                at_us: body["granted_at_us"].as_u64().with_context(|| format!("{body}"))?,
                org: self.org.clone(),
                permit: body["permit"].as_str().with_context(|| format!("{body}"))?.to_owned(),
            })),
            StatusCode::TOO_MANY_REQUESTS => {
                ensure!(body["retry_after_ms"].as_u64() > Some(0), "a refusal without a time: {body}");
                Ok(None)
            }
            other => anyhow::bail!("{other}: {body}"),
        }
    }
}

/// The store's own time.
async fn time_us(store: &redis::aio::MultiplexedConnection) -> Result<u64> {
    let (seconds, micros): (u64, u64) = redis::cmd("TIME").query_async(&mut store.clone()).await?;
    Ok(seconds * 1_000_000 + micros)
}
