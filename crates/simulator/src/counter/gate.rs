//! One limit at work: a counter for each of its keys, and the load where its value depends on it.

use std::collections::HashMap;
use std::time::Duration;

use super::counter::{Counter, Terms};
use crate::limit::{Key, Limit, LoadMeter};
use crate::symbols::Symbols;
use crate::time::Time;

/// The counters of a limit.
#[derive(Clone, Debug)]
pub(crate) struct Gate {
    counters: HashMap<Key, Counter>,
    load: Option<LoadMeter>,
}

/// A call at a limit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Visit {
    pub(crate) now: Time,
    /// Which limit, by its place in the rules.
    pub(crate) limit: usize,
    pub(crate) key: Key,
    pub(crate) cost: u64,
    pub(crate) terms: Terms,
}

/// What a limit says of a key at one moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Standing {
    pub(crate) limit: usize,
    pub(crate) value: u64,
    pub(crate) left: u64,
    pub(crate) reset: Duration,
}

impl Gate {
    pub(crate) fn new(limit: &Limit) -> Self {
        let load = limit.under_load.as_ref().map(|under_load| LoadMeter::new(under_load.over));
        Self { counters: HashMap::new(), load }
    }

    /// A call of anybody has arrived.
    pub(crate) fn arrived(&mut self, now: Time) {
        if let Some(load) = &mut self.load {
            load.arrived(now);
        }
    }

    /// What a key is counted by now.
    pub(crate) fn terms(&self, limit: &Limit, key: Key, symbols: &Symbols, now: Time) -> Terms {
        let configured = limit.values.of(|| key.text(&limit.per, symbols)).at(now);
        let value = match (&limit.under_load, &self.load) {
            (Some(under_load), Some(load)) => under_load.shrunk(configured, load.calls()),
            _ => configured,
        };
        Terms { value, window: limit.window }
    }

    /// How long the call would have to wait: nothing where there is room for it.
    pub(crate) fn wait(&mut self, limit: &Limit, visit: Visit) -> Duration {
        let counter = self.counters.entry(visit.key).or_insert_with(|| Counter::new(limit.kind));
        counter.catch_up(visit.now, visit.terms);
        counter.wait(visit.now, visit.terms, visit.cost)
    }

    /// Counts a call that has been asked about.
    pub(crate) fn take(&mut self, visit: Visit) {
        if let Some(counter) = self.counters.get_mut(&visit.key) {
            counter.take(visit.now, visit.terms, visit.cost);
        }
    }

    /// A call that was counted is over.
    pub(crate) fn finish(&mut self, key: Key, cost: u64) {
        if let Some(counter) = self.counters.get_mut(&key) {
            counter.finish(cost);
        }
    }

    /// How the key of a call stands.
    pub(crate) fn standing(&self, visit: Visit) -> Standing {
        let counter = self.counters.get(&visit.key);
        Standing {
            limit: visit.limit,
            value: visit.terms.value,
            left: counter.map_or(visit.terms.value, |counter| counter.left(visit.terms)),
            reset: counter.map_or(Duration::ZERO, |counter| counter.reset(visit.now, visit.terms)),
        }
    }
}
