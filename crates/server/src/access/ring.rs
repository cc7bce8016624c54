//! The keys of the namespace, held in this process and read again every two seconds.

use std::collections::HashMap;
use std::future::pending;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use tokio::sync::MutexGuard;
use tokio::time::{Instant, timeout};
use tollgate::{ApiKey, ApiKeys, Error, KeysSeen, Presented};

use super::caller::Caller;
use crate::clock;

/// How often they are read again, which costs the store next to nothing where they are the same.
const READ_AGAIN: Duration = Duration::from_secs(2);

/// How often the store is told that a key was used.
const TOUCH_AGAIN: Duration = Duration::from_secs(60);

/// The keys, as this process knows them.
#[derive(Debug)]
pub(super) struct Ring {
    keys: ApiKeys,
    /// Whether a key is needed also where the store has none.
    asks_always: bool,
    known: RwLock<Option<Arc<Known>>>,
    /// One reads at a time, so that what was read earlier never takes the place of what was read later.
    reading: tokio::sync::Mutex<()>,
    /// Whether reading them failed when that was last tried.
    is_failing: AtomicBool,
}

/// The keys, as they were read last.
#[derive(Debug)]
pub(super) struct Known {
    /// "" if the namespace never had a key.
    tag: String,
    /// Whether a key is needed all the same.
    asks_always: bool,
    by_id: HashMap<String, Held>,
    /// The store's time, and when it was that on the clock of this process.
    now_us: u64,
    read_at: Instant,
}

#[derive(Clone, Debug)]
struct Held {
    key: Arc<ApiKey>,
    uses: Arc<Uses>,
}

/// What the store is still to be told of a key.
#[derive(Debug, Default)]
struct Uses {
    is_used: AtomicBool,
    told_at: Mutex<Option<Instant>>,
}

impl Ring {
    /// The keys, not read yet.
    pub(super) fn new(keys: ApiKeys, asks_always: bool) -> Arc<Self> {
        Arc::new(Self {
            keys,
            asks_always,
            known: RwLock::default(),
            reading: tokio::sync::Mutex::default(),
            is_failing: AtomicBool::default(),
        })
    }

    /// Has them read again and again, for as long as anybody else holds the ring.
    pub(super) fn keep(self: &Arc<Self>) {
        let ring = Arc::downgrade(self);
        tokio::spawn(async move {
            loop {
                let Some(ring) = ring.upgrade() else { return };
                // What could not be read is logged, and what is known holds on: calls must go on while the store is
                // away.
                let _ = ring.read_again().await;
                ring.tell_uses().await;
                drop(ring);
                let _ = timeout(READ_AGAIN, pending::<()>()).await;
            }
        });
    }

    /// What is known, if they were ever read.
    pub(super) fn held(&self) -> Option<Arc<Known>> {
        self.known.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The same; they are read now if they never were.
    pub(super) async fn known(&self) -> Result<Arc<Known>, Error> {
        match self.held() {
            Some(known) => Ok(known),
            None => self.read_first().await,
        }
    }

    /// Those who ask meanwhile stand in line, and go by what the first of them has read.
    async fn read_first(&self) -> Result<Arc<Known>, Error> {
        let one = self.reading.lock().await;
        match self.held() {
            Some(known) => Ok(known),
            None => self.read_in_turn(&one).await,
        }
    }

    /// Reads them now.
    pub(super) async fn read_again(&self) -> Result<Arc<Known>, Error> {
        let one = self.reading.lock().await;
        self.read_in_turn(&one).await
    }

    /// Reads them for whoever holds the lock.
    async fn read_in_turn(&self, _one: &MutexGuard<'_, ()>) -> Result<Arc<Known>, Error> {
        let held = self.held();
        let tag = held.as_ref().map(|known| known.tag.as_str()).filter(|tag| !tag.is_empty());
        let seen = match self.keys.read(tag).await {
            Ok(seen) => seen,
            Err(error) => {
                if !self.is_failing.swap(true, Ordering::Relaxed) {
                    tracing::warn!(%error, "the API keys can't be read; those that are known hold on");
                }
                return Err(error);
            }
        };
        self.is_failing.store(false, Ordering::Relaxed);
        let known = Arc::new(Known::after(held.as_deref(), seen, self.asks_always));
        *self.known.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&known));
        Ok(known)
    }

    /// Tells the store which keys were used, of each once a minute at most.
    async fn tell_uses(&self) {
        let Some(known) = self.held() else { return };
        let now = clock::instant();
        let due: Vec<&Held> = known.by_id.values().filter(|held| held.uses.is_due(now)).collect();
        let ids: Vec<String> = due.iter().map(|held| held.key.id.clone()).collect();
        if ids.is_empty() {
            return;
        }
        match self.keys.touch(&ids).await {
            Ok(()) => due.iter().for_each(|held| held.uses.told(now)),
            Err(error) => {
                for held in due {
                    held.uses.is_used.store(true, Ordering::Relaxed);
                }
                tracing::debug!(%error, "the store can't be told which API keys were used");
            }
        }
    }
}

impl Known {
    fn after(before: Option<&Self>, seen: KeysSeen, asks_always: bool) -> Self {
        let KeysSeen { now_us, tag, keys, .. } = seen;
        let read_at = clock::instant();
        let by_id = match (before, keys) {
            (Some(before), None) => before.by_id.clone(),
            // Nobody is let in unasked because of that, and those who had keys go on.
            (Some(before), Some(_)) if tag == KeysSeen::LOST && !before.tag.is_empty() => {
                tracing::warn!(
                    "the store has lost the namespace's API keys; those that are known hold on at this replica"
                );
                before.by_id.clone()
            }
            (before, keys) => {
                if before.is_some_and(|before| before.tag.is_empty()) && !tag.is_empty() {
                    tracing::info!(
                        "the namespace asks for API keys now: from here on all below /v1 needs one"
                    );
                }
                let held = |key: ApiKey| {
                    let uses = before.and_then(|before| before.by_id.get(&key.id));
                    let uses = uses.map(|held| Arc::clone(&held.uses)).unwrap_or_default();
                    (key.id.clone(), Held { key: Arc::new(key), uses })
                };
                keys.into_iter().flatten().map(held).collect()
            }
        };
        Self { tag, asks_always, by_id, now_us, read_at }
    }

    /// Whether nobody is asked for a key, because there never was one.
    pub(super) fn is_open(&self) -> bool {
        self.tag.is_empty() && !self.asks_always
    }

    /// Whose key this is, if it opens anything now. Notes that it was used.
    pub(super) fn opened_by(&self, presented: &Presented) -> Option<Caller> {
        let held = self.by_id.get(presented.id());
        let is_right = presented.opens(held.map(|held| held.key.as_ref()));
        let held = held.filter(|held| is_right && !held.key.is_expired(self.time_us()))?;
        held.uses.is_used.store(true, Ordering::Relaxed);
        Some(Caller::of(&held.key))
    }

    /// Whether the key of somebody who was let in is still good.
    pub(super) fn holds(&self, caller: &Caller) -> bool {
        self.by_id.get(&caller.id).is_some_and(|held| !held.key.is_expired(self.time_us()))
    }

    /// The store's time, as far as is known: it goes on while the store is away.
    fn time_us(&self) -> u64 {
        let since = clock::instant().saturating_duration_since(self.read_at);
        self.now_us.saturating_add(u64::try_from(since.as_micros()).unwrap_or(u64::MAX))
    }
}

impl Uses {
    fn is_due(&self, now: Instant) -> bool {
        let told_at = *self.told_at.lock().unwrap_or_else(PoisonError::into_inner);
        let is_time = told_at.is_none_or(|told_at| now.saturating_duration_since(told_at) >= TOUCH_AGAIN);
        is_time && self.is_used.swap(false, Ordering::Relaxed)
    }

    fn told(&self, now: Instant) {
        *self.told_at.lock().unwrap_or_else(PoisonError::into_inner) = Some(now);
    }
}
