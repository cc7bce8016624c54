//! What all counters have in common.

use std::time::Duration;

use super::fixed::FixedWindow;
use super::in_flight::InFlight;
use super::leaky::LeakyBucket;
use super::sliding::SlidingWindow;
use crate::limit::Kind;
use crate::time::Time;

/// What a counter counts by, at one moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms {
    pub(crate) value: u64,
    pub(crate) window: Duration,
}

/// The count of one key.
#[derive(Clone, Debug)]
pub(crate) enum Counter {
    Fixed(FixedWindow),
    Sliding(SlidingWindow),
    Leaky(LeakyBucket),
    InFlight(InFlight),
}

impl Counter {
    pub(crate) fn new(kind: Kind) -> Self {
        match kind {
            Kind::FixedWindow => Self::Fixed(FixedWindow::default()),
            Kind::SlidingWindow => Self::Sliding(SlidingWindow::default()),
            Kind::LeakyBucket => Self::Leaky(LeakyBucket::default()),
            Kind::Concurrent => Self::InFlight(InFlight::default()),
        }
    }

    /// Lets go of what is over by now. Everything else is asked after this.
    pub(crate) fn catch_up(&mut self, now: Time, terms: Terms) {
        match self {
            Self::Fixed(window) => window.catch_up(now, terms),
            Self::Sliding(window) => window.catch_up(now, terms),
            Self::Leaky(bucket) => bucket.catch_up(now, terms),
            Self::InFlight(_) => {}
        }
    }

    /// How long until there is room for `cost`: nothing where there is now. What never fits waits for a whole window.
    pub(crate) fn wait(&self, now: Time, terms: Terms, cost: u64) -> Duration {
        match self {
            Self::Fixed(window) => window.wait(now, terms, cost),
            Self::Sliding(window) => window.wait(now, terms, cost),
            Self::Leaky(bucket) => bucket.wait(terms, cost),
            Self::InFlight(calls) => calls.wait(terms, cost),
        }
    }

    /// Counts it, whether there is room or not.
    pub(crate) fn take(&mut self, now: Time, terms: Terms, cost: u64) {
        match self {
            Self::Fixed(window) => window.take(now, cost),
            Self::Sliding(window) => window.take(now, cost),
            Self::Leaky(bucket) => bucket.take(terms, cost),
            Self::InFlight(calls) => calls.take(cost),
        }
    }

    /// A call that was counted is over.
    pub(crate) fn finish(&mut self, cost: u64) {
        if let Self::InFlight(calls) = self {
            calls.finish(cost);
        }
    }

    /// What there is room for.
    pub(crate) fn left(&self, terms: Terms) -> u64 {
        match self {
            Self::Fixed(window) => terms.value.saturating_sub(window.used()),
            Self::Sliding(window) => terms.value.saturating_sub(window.used()),
            Self::Leaky(bucket) => terms.value.saturating_sub(bucket.used(terms)),
            Self::InFlight(calls) => terms.value.saturating_sub(calls.used()),
        }
    }

    /// How long until everything that is counted now counts no more.
    pub(crate) fn reset(&self, now: Time, terms: Terms) -> Duration {
        match self {
            Self::Fixed(window) => window.reset(now, terms),
            Self::Sliding(window) => window.reset(now, terms),
            Self::Leaky(bucket) => bucket.reset(terms),
            Self::InFlight(_) => Duration::ZERO,
        }
    }
}
