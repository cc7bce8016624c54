//! Callers that ask for more than there is.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::fleet::time_us;
use super::ledger::{Grant, Ledger};

/// Calls that are asked for on one replica.
#[derive(Clone, Debug)]
pub(crate) struct Demand {
    pub(crate) replica: usize,
    pub(crate) org: String,
    pub(crate) client: &'static str,
    pub(crate) priority: &'static str,
    pub(crate) cost: u64,
    pub(crate) max_wait: &'static str,
}

/// Those who ask, and what they were granted. When it is dropped they hang up.
pub(crate) struct Load {
    urls: Vec<String>,
    http: Client,
    store: redis::aio::MultiplexedConnection,
    callers: JoinSet<Result<()>>,
    grants: Arc<Mutex<Vec<Grant>>>,
    /// Of each replica, whether it was killed.
    lost: Arc<[AtomicBool]>,
}

/// One of them.
#[derive(Clone)]
struct Caller {
    http: Client,
    url: String,
    demand: Demand,
    store: redis::aio::MultiplexedConnection,
    grants: Arc<Mutex<Vec<Grant>>>,
    lost: Arc<[AtomicBool]>,
}

impl Load {
    pub(crate) fn new(urls: Vec<String>, store: redis::aio::MultiplexedConnection) -> Self {
        let lost = urls.iter().map(|_| AtomicBool::new(false)).collect();
        Self { urls, http: Client::new(), store, callers: JoinSet::new(), grants: Arc::default(), lost }
    }

    fn caller(&self, demand: &Demand) -> Caller {
        Caller {
            http: self.http.clone(),
            url: self.urls[demand.replica].clone(),
            demand: demand.clone(),
            store: self.store.clone(),
            grants: Arc::clone(&self.grants),
            lost: Arc::clone(&self.lost),
        }
    }

    /// From now on nobody wonders that a replica does not answer.
    pub(crate) fn lose(&self, replica: usize) {
        self.lost[replica].store(true, Relaxed);
    }

    /// So many callers who ask for call after call until the load ends.
    pub(crate) fn add(&mut self, callers: usize, demand: &Demand) {
        for _ in 0..callers {
            let caller = self.caller(demand);
            self.callers.spawn(caller.ask_on());
        }
    }

    /// One call each `period`, whether or not the one before has been granted.
    pub(crate) fn every(&mut self, period: Duration, demand: &Demand) {
        let caller = self.caller(demand);
        self.callers.spawn(async move {
            let mut ticks = tokio::time::interval(period);
            let mut calls = JoinSet::new();
            loop {
                tokio::select! {
                    _ = ticks.tick() => {
                        let caller = caller.clone();
                        calls.spawn(async move { caller.ask().await });
                    }
                    Some(answered) = calls.join_next() => answered??,
                }
            }
        });
    }

    /// Ends it. Every question has had one answer: a grant, or a refusal with a time; those that wait hang up.
    pub(crate) async fn end(mut self) -> Result<Ledger> {
        // None ends by itself but for an error.
        while let Some(ended) = self.callers.try_join_next() {
            ended??;
        }
        self.callers.shutdown().await;
        let grants = self.grants.lock().unwrap_or_else(PoisonError::into_inner);
        Ledger::new(grants.clone())
    }
}

impl Caller {
    /// Asks for call after call, for as long as there is somebody to ask.
    async fn ask_on(self) -> Result<()> {
        loop {
            let asked = self.ask().await;
            if self.lost[self.demand.replica].load(Relaxed) {
                return Ok(());
            }
            asked?;
        }
    }

    #[expect(clippy::disallowed_methods, reason = "how long a caller waits, by its own clock")]
    async fn ask(&self) -> Result<()> {
        let Demand { org, client, priority, cost, max_wait, .. } = &self.demand;
        let call = json!({ "org": org, "client": client, "method": "GET", "path": "/api/v2/users" });
        let asked = json!({ "call": call, "cost": cost, "priority": priority, "max_wait": max_wait });
        let before_us = time_us(&self.store).await?;
        let began = Instant::now();
        let answer = self.http.post(&self.url).json(&asked).send().await?;
        let status = answer.status();
        let body: Value = answer.json().await?;
        let waited = began.elapsed();
        match status {
            StatusCode::OK => self.note(&body, waited, before_us).await,
            StatusCode::TOO_MANY_REQUESTS => {
                ensure!(body["retry_after_ms"].as_u64() > Some(0), "a refusal without a time: {body}");
                Ok(())
            }
            other => bail!("{other}: {body}"),
        }
    }

    async fn note(&self, body: &Value, waited: Duration, before_us: u64) -> Result<()> {
        let Demand { replica, org, client, priority, cost, .. } = self.demand.clone();
        let at_us = body["granted_at_us"].as_u64().with_context(|| format!("{body}"))?;
        let permit = body["permit"].as_str().with_context(|| format!("{body}"))?.to_owned();
        let grant = Grant { at_us, org, client, priority, replica, cost, permit, waited };
        // The replica's word for the store's time is checked against the store's own.
        let after_us = time_us(&self.store).await?;
        ensure!((before_us..=after_us).contains(&at_us), "{before_us}..{after_us}: {grant:?}");
        self.grants.lock().unwrap_or_else(PoisonError::into_inner).push(grant);
        Ok(())
    }
}
