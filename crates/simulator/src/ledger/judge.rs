//! The judge: whether a true limit was exceeded, worked out from the calls alone.
//!
//! It shares nothing with the counters that decide but the limits' definitions (which calls a limit counts, for which
//! key, at which cost, and what is allowed when). Where a counter keeps a running state, the judge looks at the whole
//! history: every window by the calls in it, a bucket by every interval there is. It is slower, and it can be read.

use std::collections::BTreeMap;
use std::time::Duration;

use super::ledger::Ledger;
use super::record::Record;
use super::scope::Scope;
use crate::limit::{Key, Kind, Limit, Timeline, UnderLoad};
use crate::time::Time;

/// A call that a limit let pass and had no room for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Excess {
    /// The limit and its key.
    pub scope: Scope,
    /// When the call arrived that was too much.
    pub at: Time,
    /// What its window held then, or the bucket, or was in flight, the call included.
    pub held: u64,
    /// What was allowed.
    pub allowed: u64,
}

/// A call that a limit has seen, as the judge looks at it.
#[derive(Clone, Copy, Debug)]
struct Seen {
    at: Time,
    finished: Time,
    cost: u64,
    /// What the limit allowed when it arrived.
    allowed: u64,
    /// Whether it counts here.
    counted: bool,
    /// Whether it passed, so that there must have been room.
    passed: bool,
}

/// What was held when a call passed that was too much, and that call.
type TooMuch = Vec<(u64, Seen)>;

impl Ledger {
    /// Every call that passed a limit which had no room for it: none, if the provider keeps its own limits.
    #[must_use]
    pub fn excesses(&self) -> Vec<Excess> {
        let limits = self.rules.limits.iter().enumerate();
        limits.flat_map(|(index, limit)| self.excesses_of(index, limit)).collect()
    }

    fn excesses_of(&self, index: usize, limit: &Limit) -> Vec<Excess> {
        let mut excesses = Vec::new();
        for (key, seen) in self.seen_by(index, limit) {
            let too_much = match limit.kind {
                Kind::FixedWindow => over_fixed_windows(&seen, limit.window),
                Kind::SlidingWindow => over_sliding_windows(&seen, limit.window),
                Kind::LeakyBucket => over_intervals(&seen, limit.window),
                Kind::Concurrent => over_in_flight(&seen),
            };
            let scope = || Scope::new(limit.name.clone(), &key.text(&limit.per, &self.symbols));
            let excess = |(held, call): (u64, Seen)| Excess {
                scope: scope(),
                at: call.at,
                held,
                allowed: call.allowed,
            };
            excesses.extend(too_much.into_iter().map(excess));
        }
        excesses
    }

    /// The calls that a limit has seen, by key, in order.
    fn seen_by(&self, index: usize, limit: &Limit) -> BTreeMap<Key, Vec<Seen>> {
        let mut by_key: BTreeMap<Key, (&Timeline, Vec<Seen>)> = BTreeMap::new();
        let mut load = Load::default();
        for (number, record) in self.records.iter().enumerate() {
            let calls =
                limit.under_load.as_ref().map(|under_load| load.at(number, &self.records, under_load));
            let counts = limit.counts(self.symbols.text(record.method), self.symbols.text(record.path));
            if !record.was_seen() || !counts {
                continue;
            }
            let key = record.key.only(&limit.per);
            let (values, seen) = by_key
                .entry(key)
                .or_insert_with(|| (limit.values.of(|| key.text(&limit.per, &self.symbols)), Vec::new()));
            let value = values.at(record.at);
            let allowed = match (&limit.under_load, calls) {
                (Some(under_load), Some(calls)) => under_load.shrunk(value, calls),
                _ => value,
            };
            seen.push(Seen {
                at: record.at,
                finished: record.finished,
                cost: limit.cost_of(self.symbols.text(record.query)),
                allowed,
                counted: record.counts_at(index, self.rules.refused_counts),
                passed: record.verdict.passed(),
            });
        }
        by_key.into_iter().map(|(key, (_, seen))| (key, seen)).collect()
    }
}

/// The load, worked out from the list of all calls.
#[derive(Debug, Default)]
struct Load {
    oldest: usize,
}

impl Load {
    /// How many calls came within the length before call `number`, itself included.
    fn at(&mut self, number: usize, records: &[Record], under_load: &UnderLoad) -> u64 {
        while records[self.oldest].at + under_load.over <= records[number].at {
            self.oldest += 1;
        }
        (number - self.oldest + 1) as u64
    }
}

/// Windows that each open with the first call that counts after the one before is over.
fn over_fixed_windows(seen: &[Seen], window: Duration) -> TooMuch {
    let mut too_much = Vec::new();
    let mut rest: Vec<Seen> = seen.iter().copied().filter(|call| call.counted).collect();
    let mut counted = rest.as_mut_slice();
    while let Some(first) = counted.first() {
        let end = first.at + window;
        let (within, later) = counted.split_at_mut(counted.partition_point(|call| call.at < end));
        let mut held = 0;
        for call in within {
            held += call.cost;
            too_much.extend((call.passed && held > call.allowed).then_some((held, *call)));
        }
        counted = later;
    }
    too_much
}

/// The window that ends with each call: everything that came less than a length before it.
fn over_sliding_windows(seen: &[Seen], window: Duration) -> TooMuch {
    let counted: Vec<Seen> = seen.iter().copied().filter(|call| call.counted).collect();
    let mut too_much = Vec::new();
    let (mut oldest, mut held) = (0, 0);
    for call in &counted {
        held += call.cost;
        while counted[oldest].at + window <= call.at {
            held -= counted[oldest].cost;
            oldest += 1;
        }
        too_much.extend((call.passed && held > call.allowed).then_some((held, *call)));
    }
    too_much
}

/// Every interval that begins and ends with a call: what came in it must not be more than the bucket holds and what
/// leaked meanwhile. That is asked of all intervals at once, by the one that began when the least was there: in units
/// times microseconds, what came less what could have leaked.
fn over_intervals(seen: &[Seen], window: Duration) -> TooMuch {
    let window = i128::try_from(window.as_micros()).unwrap_or(i128::MAX).max(1);
    let mut too_much = Vec::new();
    let (mut came, mut leaked, mut least) = (0_i128, 0_i128, i128::MAX);
    let mut before: Option<&Seen> = None;
    for call in seen {
        if let Some(before) = before {
            leaked += i128::from(before.allowed) * i128::from(call.at.as_micros() - before.at.as_micros());
        }
        before = Some(call);
        least = least.min(came - leaked);
        if call.counted {
            came += i128::from(call.cost) * window;
        }
        let held = came - leaked - least;
        if call.passed && held > i128::from(call.allowed) * window {
            too_much.push((
                u64::try_from(held.unsigned_abs().div_ceil(window.unsigned_abs())).unwrap_or(u64::MAX),
                *call,
            ));
        }
    }
    too_much
}

/// What was in flight when each call arrived.
fn over_in_flight(seen: &[Seen]) -> TooMuch {
    let mut too_much = Vec::new();
    let mut in_flight: Vec<Seen> = Vec::new();
    for call in seen.iter().filter(|call| call.passed) {
        in_flight.retain(|other| other.finished > call.at);
        in_flight.push(*call);
        let held = in_flight.iter().map(|other| other.cost).sum();
        too_much.extend((held > call.allowed).then_some((held, *call)));
    }
    too_much
}
