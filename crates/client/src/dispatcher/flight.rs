//! A batch on its way to the store and back, and, where its answer is lost, on its way again.

use std::sync::Arc;
use std::time::Duration;

use crate::clock::{self, Instant};
use crate::engine::{BatchId, Keys, Repeated, Script};
use crate::store::{Store, StoreError};

/// How long a batch is repeated under its number. The store remembers answers for longer.
const REPEAT_FOR: Duration = Duration::from_secs(60);

/// First and longest pause between two tries.
const PAUSE_FIRST: Duration = Duration::from_millis(10);
const PAUSE_LONGEST: Duration = Duration::from_secs(1);

/// A name under which batches are answered once, each in its turn.
#[derive(Debug)]
pub(super) struct Lane {
    index: usize,
    answer: String,
    number: u64,
}

/// What a flight carries.
pub(super) trait Cargo {
    /// The script that it is for.
    const SCRIPT: &'static Script;

    /// The keys that it takes.
    fn keys<'k>(&self, keys: &'k Keys) -> Vec<&'k str>;

    /// The script's argument.
    fn encode(&self, id: &BatchId<'_>, repeated: Repeated) -> Vec<u8>;

    /// Tells everybody who waits for it that the store does not answer.
    fn fail(&mut self, error: &StoreError);

    /// Lets go of what nobody waits for any more; `repeated` if it may have reached the store. Returns whether anything
    /// is left to be done for anybody.
    fn trim(&mut self, repeated: Repeated) -> bool;
}

/// Where flights go.
#[derive(Clone, Debug)]
pub(super) struct Route {
    pub(super) store: Arc<Store>,
    pub(super) keys: Keys,
    /// Longest that anybody waits for an answer.
    pub(super) timeout: Duration,
}

/// A flight that is over.
#[derive(Debug)]
pub(super) struct Landed<C> {
    pub(super) lane: Lane,
    pub(super) cargo: C,
    pub(super) reply: Result<Vec<u8>, StoreError>,
    /// How long it took, or the first command of its connection if that was sooner; if it was answered at the first
    /// try.
    pub(super) took: Option<Duration>,
}

impl Lane {
    pub(super) fn new(replica: &str, index: usize) -> Self {
        Self { index, answer: format!("{replica}:{index}"), number: 0 }
    }

    pub(super) fn index(&self) -> usize {
        self.index
    }
}

impl Route {
    /// Carries a batch to the store until it is answered. After `since` + the timeout everybody who waits for it has
    /// been told; it flies on with nobody on board, because whether it was charged must be known before its lane is
    /// used again.
    pub(super) async fn fly<C: Cargo>(self, mut lane: Lane, mut cargo: C, since: Instant) -> Landed<C> {
        lane.number += 1;
        let mut repeated = Repeated::No;
        let mut pause = PAUSE_FIRST;
        let took_off = clock::now();
        let mut at_once = true;
        loop {
            if repeated == Repeated::Yes {
                self.store.meter().repeats.add(1);
            }
            let (round_trip, reply) = self.attempt(&lane, &cargo, repeated).await;
            let error = match reply {
                Err(error) if error.is_unanswered() => error,
                reply => {
                    // Under load flights are slow from the first one on; the connection was made before.
                    let took = clock::now().saturating_duration_since(took_off);
                    let took = round_trip.filter(|_| at_once).map(|round_trip| round_trip.min(took));
                    return Landed { lane, cargo, reply, took };
                }
            };
            at_once = false;
            if round_trip.is_some() {
                repeated = Repeated::Yes;
            }
            let waited = clock::now().saturating_duration_since(since);
            if waited >= self.timeout {
                cargo.fail(&error.clone().waited(waited));
            }
            let on_board = cargo.trim(repeated);
            if waited >= REPEAT_FOR || (!on_board && repeated == Repeated::No) {
                return Landed { lane, cargo, reply: Err(error), took: None };
            }
            let next = clock::now() + pause;
            clock::sleep_until(if on_board { next.min(since + self.timeout) } else { next }).await;
            pause = (pause * 2).min(PAUSE_LONGEST);
        }
    }

    /// One try. If the batch may have reached the store, the round trip of the connection; and the answer.
    async fn attempt<C: Cargo>(
        &self,
        lane: &Lane,
        cargo: &C,
        repeated: Repeated,
    ) -> (Option<Duration>, Result<Vec<u8>, StoreError>) {
        let session = match self.store.session().await {
            Ok(session) => session,
            Err(error) => return (None, Err(error)),
        };
        let id = BatchId { answer: &lane.answer, number: lane.number, server: session.server() };
        let argument = cargo.encode(&id, repeated);
        (Some(session.round_trip()), session.call(C::SCRIPT, &cargo.keys(&self.keys), &argument).await)
    }
}
