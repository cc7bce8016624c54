//! A fleet of limiters on one embedded store, and the calls that it is asked for.

use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tollgate::embedded::{Clock, EmbeddedStore, Passage, RuntimeClock};
use tollgate::{Call, Change, Error, Permit, Policy, Priority, Tollgate};

/// When the store's clock begins: some day in 2026.
const BEGIN_US: u64 = 1_790_000_000_000_000;

/// A process that is stopped does not see the time pass: here its calls must not either.
const STORE_TIMEOUT: Duration = Duration::from_secs(30);

/// Within this time all that waits when callers ask for no more is answered.
const ANSWERED_WITHIN: Duration = Duration::from_secs(600);

/// Replicas on one store, and what they were granted.
pub(crate) struct Fleet {
    pub(crate) store: EmbeddedStore,
    pub(crate) replicas: Vec<Tollgate>,
    /// Of each replica the way to the store.
    ways: Vec<EmbeddedStore>,
    ledger: Arc<Ledger>,
    callers: Mutex<Vec<Caller>>,
    /// Callers ask for no more.
    closing: Arc<AtomicBool>,
    began: Instant,
}

/// A task that asks for calls at a replica.
struct Caller {
    replica: usize,
    task: JoinHandle<()>,
}

/// What callers were told, in the order in which they were.
#[derive(Debug, Default)]
pub(crate) struct Ledger(Mutex<Vec<Result<Granted, Error>>>);

/// A call that was granted.
#[derive(Clone, Debug)]
pub(crate) struct Granted {
    /// Microseconds since the fleet began, by the store's clock.
    pub(crate) at_us: u64,
    pub(crate) org: String,
    pub(crate) priority: Priority,
    pub(crate) replica: usize,
    pub(crate) cost: u32,
    pub(crate) waited: Duration,
}

/// Calls that are asked for one after the other, by so many callers at once.
#[derive(Clone, Debug)]
pub(crate) struct Demand {
    pub(crate) replica: usize,
    pub(crate) org: String,
    pub(crate) client: String,
    pub(crate) path: &'static str,
    pub(crate) priority: Priority,
    pub(crate) cost: u32,
    pub(crate) callers: usize,
}

impl Fleet {
    /// As many replicas as there are round trips, each so far from the store.
    pub(crate) async fn start(policy: &str, round_trips: &[Duration]) -> Result<Self> {
        let store = EmbeddedStore::new(Clock::Runtime(RuntimeClock::at_us(BEGIN_US)));
        let ways: Vec<_> = round_trips.iter().map(|&round_trip| store.at_distance(round_trip)).collect();
        let policy = Policy::from_toml(policy)?;
        let mut replicas = Vec::new();
        for way in &ways {
            let builder = Tollgate::builder(policy.namespace()).policy(policy.clone());
            let builder = builder.store_timeout(STORE_TIMEOUT).embedded_store(way.clone());
            replicas.push(builder.connect().await?);
        }
        let (ledger, callers, closing) = Default::default();
        Ok(Self { store, replicas, ways, ledger, callers, closing, began: now() })
    }

    /// Callers who ask for call after call for as long as the fleet lives, or until one of them fails.
    pub(crate) fn demand(&self, demand: &Demand) {
        for _ in 0..demand.callers {
            let (gate, demand) = (self.replicas[demand.replica].clone(), demand.clone());
            let ledger = Arc::clone(&self.ledger);
            let replica = demand.replica;
            let closing = Arc::clone(&self.closing);
            let task =
                tokio::spawn(
                    async move { while !closing.load(Relaxed) && demand.ask(&gate, &ledger).await {} },
                );
            self.callers().push(Caller { replica, task });
        }
    }

    /// One call each `period`, whether or not the one before has been granted.
    pub(crate) fn every(&self, period: Duration, demand: &Demand) {
        let (gate, demand) = (self.replicas[demand.replica].clone(), demand.clone());
        let ledger = Arc::clone(&self.ledger);
        tokio::spawn(async move {
            let mut ticks = tokio::time::interval(period);
            loop {
                ticks.tick().await;
                let (gate, demand, ledger) = (gate.clone(), demand.clone(), Arc::clone(&ledger));
                tokio::spawn(async move { demand.ask(&gate, &ledger).await });
            }
        });
    }

    /// Puts another policy into force, through one of the replicas.
    pub(crate) async fn govern(&self, replica: usize, policy: &str) -> Result<()> {
        let change = Change { author: "test".to_owned(), reason: "a test".to_owned() };
        self.replicas[replica].put_policy(&Policy::from_toml(policy)?, None, &change).await?;
        Ok(())
    }

    /// Ends a replica at once, and everybody who calls there: nothing of it reaches the store any more.
    pub(crate) fn kill(&self, replica: usize) {
        self.ways[replica].set_passage(Passage::Cut);
        let callers = self.callers();
        callers.iter().filter(|caller| caller.replica == replica).for_each(|caller| caller.task.abort());
    }

    /// Lets a replica stand still until it is resumed.
    pub(crate) fn hold(&self, replica: usize) {
        self.ways[replica].set_passage(Passage::Held);
    }

    pub(crate) fn resume(&self, replica: usize) {
        self.ways[replica].set_passage(Passage::Open);
    }

    /// Asks for nothing more, and waits until all that was asked for has been answered.
    pub(crate) async fn close(&self) -> Result<()> {
        self.closing.store(true, Relaxed);
        let callers = std::mem::take(&mut *self.callers());
        for caller in callers {
            // Those of a dead replica were ended with it.
            let ended = tokio::time::timeout(ANSWERED_WITHIN, caller.task).await;
            ended
                .context("a call is not answered")?
                .or_else(|ended| if ended.is_cancelled() { Ok(()) } else { Err(ended) })?;
        }
        Ok(())
    }

    fn callers(&self) -> MutexGuard<'_, Vec<Caller>> {
        self.callers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets the time pass until `at` since the beginning.
    pub(crate) async fn until(&self, at: Duration) {
        tokio::time::sleep_until(self.began + at).await;
    }

    /// What was granted from `from` until `to` since the beginning. Fails if any call has.
    pub(crate) fn granted(&self, from: Duration, to: Duration) -> Result<Vec<Granted>> {
        let mut granted = self.ledger.granted()?;
        granted.retain(|granted| (from..to).contains(&Duration::from_micros(granted.at_us)));
        Ok(granted)
    }
}

impl Ledger {
    fn note(&self, told: Result<Granted, Error>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(told);
    }

    fn granted(&self) -> Result<Vec<Granted>> {
        let told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        told.iter().map(|told| told.clone().map_err(|error| anyhow!(error))).collect()
    }
}

impl Demand {
    pub(crate) fn call(&self) -> Call {
        let call = Call::get(self.path).org(&self.org).client(&self.client);
        call.priority(self.priority).cost(self.cost)
    }

    /// What is noted of a permit for one of these calls.
    pub(crate) fn granted(&self, permit: &Permit) -> Granted {
        Granted {
            at_us: permit.granted_at_us() - BEGIN_US,
            org: self.org.clone(),
            priority: self.priority,
            replica: self.replica,
            cost: self.cost,
            waited: permit.waited(),
        }
    }

    /// Asks for one call, waits for it, and sends it. Says whether it was granted.
    async fn ask(&self, gate: &Tollgate, ledger: &Ledger) -> bool {
        let told = gate.acquire(&self.call()).await.map(|permit| self.granted(&permit));
        let granted = told.is_ok();
        ledger.note(told);
        granted
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
