//! The store without Redis: the same scripts in this process.

use std::future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use super::StoreError;
use crate::clock;
use crate::embedded::{Clock, Engine, KeyDump, Reply};
use crate::engine::{Keys, Script};
use crate::identity;

/// One Lua engine, used by one caller at a time. A call takes about 20 us, a batch of 250 less than 1 ms.
///
/// Its clones are one store: given to several limiters of this process, they share all counters, as replicas share a
/// Redis. That is what tests and simulations of a fleet are made of.
#[derive(Clone, Debug)]
pub struct EmbeddedStore {
    engine: Arc<Mutex<Engine>>,
    server: Arc<str>,
    round_trip: Duration,
    passage: Arc<watch::Sender<Passage>>,
    calls: Arc<AtomicU64>,
}

/// Whether a way to the store is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Passage {
    /// Calls and answers travel.
    Open,
    /// They are held up until it is open again: the process at one end stands still.
    Held,
    /// Nothing arrives any more, at either end: the process is gone, or the network to it.
    Cut,
}

pub(crate) type EmbeddedSession = EmbeddedStore;

fn open() -> Arc<watch::Sender<Passage>> {
    Arc::new(watch::Sender::new(Passage::Open))
}

impl EmbeddedStore {
    /// An empty store on this clock.
    #[must_use]
    pub fn new(clock: Clock) -> Self {
        let engine = Arc::new(Mutex::new(Engine::new(clock)));
        let server = identity::random().into();
        Self { engine, server, round_trip: Duration::ZERO, passage: open(), calls: Arc::default() }
    }

    /// The same store at a distance: calls take half of `round_trip` to arrive, their answers the other half to come
    /// back.
    #[must_use]
    pub fn at_distance(&self, round_trip: Duration) -> Self {
        Self { round_trip, passage: open(), ..self.clone() }
    }

    /// Opens, holds up or cuts this way to the store. Other ways, each made by [`EmbeddedStore::at_distance`], stay as
    /// they are.
    pub fn set_passage(&self, passage: Passage) {
        self.passage.send_replace(passage);
    }

    /// Loses everything, as a server does that restarts without a copy.
    pub fn forget(&self) {
        self.engine.lock().unwrap_or_else(PoisonError::into_inner).keyspace_mut().flush();
    }

    /// The names of all records of a namespace, as the catalogue in `lua/README.md` has them, in order.
    #[must_use]
    pub fn records(&self, namespace: &str) -> Vec<String> {
        let keys = Keys::of(namespace);
        let engine = self.engine.lock().unwrap_or_else(PoisonError::into_inner);
        let of_state = |(key, kept)| match kept {
            KeyDump::Hash(fields) if key == keys.state().as_bytes() => Some(fields),
            _ => None,
        };
        let fields = engine.keyspace().dump().into_iter().find_map(of_state).unwrap_or_default();
        fields.into_iter().map(|(field, _)| String::from_utf8_lossy(&field).into_owned()).collect()
    }

    /// How many script calls it has answered, for all its limiters together.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }

    pub(super) fn session(&self) -> EmbeddedSession {
        self.clone()
    }

    pub(super) fn round_trip(&self) -> Duration {
        self.round_trip
    }

    pub(super) fn server(&self) -> &str {
        &self.server
    }

    pub(super) async fn call(
        &self,
        script: &Script,
        keys: &[&str],
        argument: &[u8],
    ) -> Result<Vec<u8>, StoreError> {
        self.travel().await;
        let reply = self.run(script, keys, argument);
        self.travel().await;
        reply
    }

    /// Half of the way.
    async fn travel(&self) {
        if !self.round_trip.is_zero() {
            clock::sleep_until(clock::now() + self.round_trip / 2).await;
        }
        if *self.passage.borrow() != Passage::Open {
            self.wait_for_passage().await;
        }
    }

    async fn wait_for_passage(&self) {
        let mut passage = self.passage.subscribe();
        let passed = passage.wait_for(|passage| *passage != Passage::Held).await;
        let cut = passed.is_ok_and(|passage| *passage == Passage::Cut);
        if cut {
            // What was under way then never arrives, whatever becomes of the passage.
            future::pending::<()>().await;
        }
    }

    fn run(&self, script: &Script, keys: &[&str], argument: &[u8]) -> Result<Vec<u8>, StoreError> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        let failed = |detail: String| StoreError::Script { script: script.name(), detail };
        let keys: Vec<&[u8]> = keys.iter().map(|key| key.as_bytes()).collect();
        // A panic inside the engine leaves it as a script error would: every write was made or not.
        let mut engine = self.engine.lock().unwrap_or_else(PoisonError::into_inner);
        match engine.call(script.source(), &keys, &[argument]) {
            Ok(Reply::Bulk(reply)) => Ok(reply),
            Ok(Reply::Error(text)) => Err(match text.split_once(' ') {
                Some(("SCHEMA", detail)) => StoreError::Schema { detail: detail.to_owned() },
                Some(("AUDIT", detail)) => StoreError::NoAuditTrail { detail: detail.to_owned() },
                _ => failed(text),
            }),
            Ok(other) => Err(failed(format!("answered {other:?}"))),
            Err(error) => Err(failed(error.to_string())),
        }
    }
}
