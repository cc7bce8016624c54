//! The provider, the way to it, and the replicas that call it.

use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, ensure};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tollgate::embedded::{Clock, EmbeddedStore, RuntimeClock};
use tollgate::provider::Answer;
use tollgate::{Call, Policy, Tollgate};
use tollgate_simulator::{Arrival, Config, LimitName, Provider, Scope, Seed, Time};

/// When the store's clock begins: some day in 2026.
const BEGIN_US: u64 = 1_790_000_000_000_000;

/// How far the replicas are from their store.
const ROUND_TRIP: Duration = Duration::from_millis(1);

/// The provider, and how long calls and answers are on their way.
#[derive(Clone)]
pub(crate) struct World {
    provider: Arc<Mutex<Provider>>,
    jitter: Jitter,
    began: Instant,
}

/// Draws how long something is on its way, from nothing to so much.
#[derive(Clone)]
struct Jitter {
    most: Duration,
    state: Arc<Mutex<tollgate_testkit::Seed>>,
}

/// What a call came to.
pub(crate) struct Came {
    /// When it arrived.
    pub(crate) at: Time,
    status: u16,
    headers: HeaderMap,
    body: Vec<u8>,
}

/// One kind of calls.
#[derive(Clone, Debug)]
pub(crate) struct Traffic {
    pub(crate) org: String,
    pub(crate) client: String,
    pub(crate) path: &'static str,
}

impl World {
    /// A provider, to which a call takes up to `most`, and its answer as long again.
    pub(crate) fn new(config: &str, most: Duration, seed: tollgate_testkit::Seed) -> Result<Self> {
        let provider = Provider::new(Config::from_toml(config)?, Seed::new(seed.value()));
        let state = Arc::new(Mutex::new(seed.derive("way")));
        Ok(Self { provider: Arc::new(Mutex::new(provider)), jitter: Jitter { most, state }, began: now() })
    }

    pub(crate) fn provider(&self) -> MutexGuard<'_, Provider> {
        self.provider.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Since the provider started.
    pub(crate) fn now(&self) -> Time {
        Time::START + (now() - self.began)
    }

    /// Sends a call, and waits for its answer.
    pub(crate) async fn send(&self, traffic: &Traffic) -> Result<Came> {
        pass(self.jitter.draw()).await;
        let arrival =
            Arrival::get(traffic.path).org(&traffic.org).client(&traffic.client).token(&traffic.client);
        let at = self.now();
        let outcome = self.provider().arrive(at, &arrival);
        pass(self.jitter.draw()).await;
        let answer = outcome.answer.context("a connection was reset")?;
        let headers = answer.headers.iter().filter_map(|(name, value)| {
            Some((HeaderName::try_from(*name).ok()?, HeaderValue::from_str(value).ok()?))
        });
        let (headers, body) = (headers.collect(), answer.body.clone().into_bytes());
        Ok(Came { at, status: answer.status, headers, body })
    }

    /// When the provider's windows opened for the calls of a limit, one after the other.
    pub(crate) fn windows(&self, limit: &str, key: &str, length: Duration) -> Result<Vec<Time>> {
        let scope = Scope::new(limit.parse::<LimitName>()?, key);
        let provider = self.provider();
        let passed = provider.ledger().all().at(&scope).done();
        let mut opened: Vec<Time> = Vec::new();
        for entry in passed.entries() {
            if opened.last().is_none_or(|&last| entry.at.since(last) >= length) {
                opened.push(entry.at);
            }
        }
        Ok(opened)
    }

    /// How much of a limit's true capacity was used, for one key of it.
    pub(crate) fn utilisation(&self, limit: &str, key: &str, during: Range<u64>) -> Result<f64> {
        let scope = Scope::new(limit.parse::<LimitName>()?, key);
        let during = Time::from_secs(during.start)..Time::from_secs(during.end);
        Ok(self.provider().ledger().utilisation(&scope, &during))
    }

    /// Fails if the provider let more pass than its limits: then it would judge by other rules than it has.
    pub(crate) fn is_sound(&self) -> Result<()> {
        let excesses = self.provider().ledger().excesses();
        ensure!(excesses.is_empty(), "{excesses:?}");
        Ok(())
    }
}

impl Jitter {
    fn draw(&self) -> Duration {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        *state = state.derive("draw");
        let most_us = u64::try_from(self.most.as_micros()).unwrap_or(u64::MAX);
        Duration::from_micros(state.value() % (most_us + 1))
    }
}

impl Came {
    pub(crate) fn is_refused(&self) -> bool {
        self.status == 429
    }

    /// What `Retry-After` says, in whole seconds.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        let seconds = self.headers.get("retry-after")?.to_str().ok()?.parse().ok()?;
        Some(Duration::from_secs(seconds))
    }

    pub(crate) fn answer(&self) -> Answer<'_> {
        let received_at = SystemTime::UNIX_EPOCH + Duration::from_micros(BEGIN_US);
        Answer { status: self.status, headers: &self.headers, body: Some(&self.body), received_at }
    }
}

impl Traffic {
    pub(crate) fn new(org: &str, client: &str, path: &'static str) -> Self {
        Self { org: org.to_owned(), client: client.to_owned(), path }
    }

    pub(crate) fn call(&self) -> Call {
        Call::get(self.path).org(&self.org).client(&self.client)
    }
}

/// So many replicas on one store, under one policy.
pub(crate) async fn replicas(policy: &str, count: usize) -> Result<Vec<Tollgate>> {
    let store = EmbeddedStore::new(Clock::Runtime(RuntimeClock::at_us(BEGIN_US)));
    let policy = Policy::from_toml(policy)?;
    let mut replicas = Vec::new();
    for _ in 0..count {
        let builder = Tollgate::builder(policy.namespace()).policy(policy.clone());
        replicas.push(Box::pin(builder.embedded_store(store.at_distance(ROUND_TRIP)).connect()).await?);
    }
    Ok(replicas)
}

/// Lets time pass while callers call; fails if one of them has.
pub(crate) async fn run_for(time: Duration, callers: &mut JoinSet<Result<()>>) -> Result<()> {
    let until = now() + time;
    tokio::select! {
        () = tokio::time::sleep_until(until) => Ok(()),
        Some(ended) = callers.join_next() => {
            ended??;
            anyhow::bail!("a caller has ended")
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the paused clock is what the fleet lives by")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// Lets so much of the paused time pass.
pub(crate) async fn pass(time: Duration) {
    tokio::time::sleep_until(now() + time).await;
}
