//! What was counted at each limit. Its counters are found once for each policy, not for each call.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::counter::{Counter, Gauge};
use super::meters::Meters;
use crate::decision::Reason;
use crate::dispatcher::Charge;
use crate::observe::Pause;
use crate::policy::{Bucket, Measure, Policy};

/// Most limits that are told, of policies that are in force and of earlier ones. A policy has 256 at most; with room
/// for as many again none is forgotten between two scrapes that was counted at in between.
const KEPT_MOST: usize = 512;

const FULL_PACE: u32 = 100;

/// What is counted at one limit.
#[derive(Debug)]
pub(crate) struct LimitMeter {
    name: Box<str>,
    granted_calls: Counter,
    granted_tokens: Counter,
    would_refuse_calls: Counter,
    refused_calls: [Counter; REASONS.len()],
    /// Of the calls that are parked in this process.
    pub(crate) waiting_calls: Gauge,
    provider_refusals: Counter,
    cuts: Counter,
    pauses: [Pauses; WHO.len()],
    /// In hundredths, of the bucket that was refused last.
    pace_percent: AtomicU32,
    /// That bucket, as long as it goes slower than it may.
    slow: Mutex<Option<Bucket>>,
}

#[derive(Debug, Default)]
struct Pauses {
    count: Counter,
    length_us: Counter,
}

/// Who has paused a bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PausedBy {
    Provider,
    Operator,
}

/// What a limit has too little of, by its name.
pub(crate) const REASONS: [(Reason, &str); 4] = [
    (Reason::Tokens, "tokens"),
    (Reason::Spacing, "spacing"),
    (Reason::InFlight, "in_flight"),
    (Reason::Buckets, "buckets"),
];

const WHO: [(PausedBy, &str); 2] = [(PausedBy::Provider, "provider"), (PausedBy::Operator, "operator")];

impl LimitMeter {
    fn new(name: &str) -> Self {
        Self {
            name: name.into(),
            granted_calls: Counter::default(),
            granted_tokens: Counter::default(),
            would_refuse_calls: Counter::default(),
            refused_calls: REASONS.map(|_| Counter::default()),
            waiting_calls: Gauge::default(),
            provider_refusals: Counter::default(),
            cuts: Counter::default(),
            pauses: WHO.map(|_| Pauses::default()),
            pace_percent: AtomicU32::new(FULL_PACE),
            slow: Mutex::new(None),
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// A call was refused, and its caller has been told.
    pub(crate) fn refused(&self, reason: Reason) {
        if let Some(place) = REASONS.iter().position(|(known, _)| *known == reason) {
            self.refused_calls[place].add(1);
        }
    }

    /// The provider has refused a call, and that was put down to this limit.
    pub(crate) fn refused_by_provider(&self, pause: &Pause, bucket: &Bucket) {
        self.provider_refusals.add(1);
        if pause.is_news {
            self.paused(PausedBy::Provider, pause.wait);
        }
        if pause.is_cut {
            self.cuts.add(1);
        }
        self.set_pace(pause.pace_percent, bucket.clone());
    }

    /// A bucket lets nothing pass for so long.
    pub(crate) fn paused(&self, by: PausedBy, length: Duration) {
        let pauses = &self.pauses[by as usize];
        pauses.count.add(1);
        pauses.length_us.add(u64::try_from(length.as_micros()).unwrap_or(u64::MAX));
    }

    /// At which part of its rate the bucket goes that was refused last, in hundredths.
    pub(crate) fn set_pace(&self, percent: u32, bucket: Bucket) {
        self.keep_pace(percent, Some(bucket).filter(|_| percent < FULL_PACE));
    }

    /// There is no such bucket any more.
    pub(crate) fn forget_pace(&self) {
        self.keep_pace(FULL_PACE, None);
    }

    fn keep_pace(&self, percent: u32, slow: Option<Bucket>) {
        self.pace_percent.store(percent, Ordering::Relaxed);
        *self.slow.lock().unwrap_or_else(PoisonError::into_inner) = slow;
    }

    /// The bucket whose pace is told, if it goes slower than it may.
    pub(crate) fn slow_bucket(&self) -> Option<Bucket> {
        self.slow.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn granted_calls(&self) -> u64 {
        self.granted_calls.get()
    }

    pub(crate) fn granted_tokens(&self) -> u64 {
        self.granted_tokens.get()
    }

    pub(crate) fn would_refuse_calls(&self) -> u64 {
        self.would_refuse_calls.get()
    }

    pub(crate) fn refused_calls(&self) -> impl Iterator<Item = (&'static str, u64)> {
        REASONS.iter().zip(&self.refused_calls).map(|((_, name), count)| (*name, count.get()))
    }

    pub(crate) fn provider_refusals(&self) -> u64 {
        self.provider_refusals.get()
    }

    pub(crate) fn cuts(&self) -> u64 {
        self.cuts.get()
    }

    /// By whom, how many, and how long they were together.
    pub(crate) fn pauses(&self) -> impl Iterator<Item = (&'static str, u64, Duration)> {
        let told = |((_, name), pauses): (&(PausedBy, &'static str), &Pauses)| {
            (*name, pauses.count.get(), Duration::from_micros(pauses.length_us.get()))
        };
        WHO.iter().zip(&self.pauses).map(told)
    }

    pub(crate) fn pace(&self) -> f64 {
        f64::from(self.pace_percent.load(Ordering::Relaxed)) / f64::from(FULL_PACE)
    }
}

/// The limits that are told, the one of the latest policy last.
#[derive(Debug, Default)]
pub(crate) struct Limits {
    known: Mutex<Vec<Arc<LimitMeter>>>,
}

impl Limits {
    /// The meters of the policy's limits, in their order. A limit goes on counting where one of its name has left off.
    fn of(&self, policy: &Policy) -> Box<[Arc<LimitMeter>]> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let mut by_name: HashMap<Box<str>, Arc<LimitMeter>> =
            known.drain(..).map(|meter| (meter.name.clone(), meter)).collect();
        let limits = policy.limits().iter().map(|limit| {
            by_name.remove(limit.name()).unwrap_or_else(|| Arc::new(LimitMeter::new(limit.name())))
        });
        let meters: Box<[_]> = limits.collect();
        // What no policy, permit or waiting call holds any more is forgotten first.
        let mut rest: Vec<_> = by_name.into_values().collect();
        rest.sort_unstable_by_key(Arc::strong_count);
        let too_many = (rest.len() + meters.len()).saturating_sub(KEPT_MOST);
        known.extend(rest.into_iter().skip(too_many));
        known.extend(meters.iter().cloned());
        meters
    }

    pub(crate) fn all(&self) -> Vec<Arc<LimitMeter>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The meters of a policy's limits, found by where they stand in it.
#[derive(Debug)]
pub(crate) struct PolicyMeters {
    limits: Box<[Arc<LimitMeter>]>,
    all: Arc<Meters>,
}

impl PolicyMeters {
    pub(crate) fn of(all: &Arc<Meters>, policy: &Policy) -> Self {
        Self { limits: all.limits.of(policy), all: Arc::clone(all) }
    }

    /// What is counted for the limiter as a whole.
    pub(crate) fn all(&self) -> &Meters {
        &self.all
    }

    pub(crate) fn limit(&self, limit: u16) -> Option<&Arc<LimitMeter>> {
        self.limits.get(usize::from(limit))
    }

    /// A caller has a permit: counts it at each limit on its path once, however many buckets the limit has there.
    pub(crate) fn granted(&self, charge: &Charge, is_over: bool) {
        let (mut counted, mut overstepped) = (None, None);
        for (place, (bucket, cost)) in charge.path.charges().enumerate() {
            let Some(meter) = self.limit(bucket.limit()) else { continue };
            if counted != Some(bucket.limit()) {
                counted = Some(bucket.limit());
                meter.granted_calls.add(1);
            }
            if is_over && would_have_refused(charge, place) {
                if overstepped != Some(bucket.limit()) {
                    overstepped = Some(bucket.limit());
                    meter.would_refuse_calls.add(1);
                }
            } else if bucket.measure() == Measure::Tokens {
                meter.granted_tokens.add(u64::from(cost));
            }
        }
    }
}

/// Whether it was this bucket that would have refused a call, of which it is known that an observed one would. The
/// store tells how many such calls there are, not at which bucket; with one observed bucket on the path it is that one,
/// with several those that have no room left.
fn would_have_refused(charge: &Charge, place: usize) -> bool {
    let is_full = |place: usize| {
        let (bucket, cost) = (&charge.path.buckets()[place], charge.path.costs()[place]);
        let debt = charge.debts.get(place).copied().unwrap_or_default();
        bucket.terms().remaining_tokens(debt) < u64::from(cost)
    };
    let is_observed = |place: &usize| !charge.path.buckets()[*place].is_enforced();
    let mut observed = (0..charge.path.buckets().len()).filter(is_observed);
    is_observed(&place) && (is_full(place) || !observed.any(is_full))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(names: impl Iterator<Item = String>) -> Policy {
        let limit = |name| format!("[[limit]]\nname = '{name}'\nper = []\nrate = '1/s'\n");
        Policy::from_toml(&format!("namespace = 'n'\n{}", names.map(limit).collect::<String>())).unwrap()
    }

    #[test]
    fn reasons_and_authors_stand_where_they_are_looked_for() {
        for (place, (by, _)) in WHO.into_iter().enumerate() {
            assert_eq!(by as usize, place);
        }
    }

    #[test]
    fn a_limit_goes_on_counting_under_its_name() {
        let limits = Limits::default();
        let first = limits.of(&policy(["a", "b"].map(str::to_owned).into_iter()));
        first[1].refused(Reason::Tokens);
        let second = limits.of(&policy(["b", "c"].map(str::to_owned).into_iter()));
        second[0].refused(Reason::Tokens);
        assert_eq!(second[0].refused_calls().next(), Some(("tokens", 2)));
        assert_eq!(limits.all().len(), 3);
    }

    /// However often the policy changes the names of its limits.
    #[test]
    fn the_number_of_limits_that_are_told_is_bounded() {
        let limits = Limits::default();
        let mut held = limits.of(&policy(std::iter::once("held".to_owned())));
        for round in 0..20 {
            let names = (0..100).map(|limit| format!("l-{round}-{limit}"));
            limits.of(&policy(names));
        }
        let known = limits.all();
        assert_eq!(known.len(), KEPT_MOST);
        assert!(known.iter().any(|meter| meter.name() == "held"), "what somebody holds is kept");
        held[0].refused(Reason::Tokens);
        held = limits.of(&policy(std::iter::once("held".to_owned())));
        assert_eq!(held[0].refused_calls().next(), Some(("tokens", 1)));
    }
}
