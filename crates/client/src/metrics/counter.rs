//! Numbers that many threads count at once, each by one atomic addition.

use std::sync::atomic::{AtomicU64, Ordering};

/// A number that only rises.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

/// A number that rises and falls, and is never below 0.
#[derive(Debug, Default)]
pub(crate) struct Gauge(AtomicU64);

impl Counter {
    pub(crate) fn add(&self, more: u64) {
        // Nothing is read by what a counter says, so there is nothing that it has to be in order with.
        self.0.fetch_add(more, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Gauge {
    pub(crate) fn new(value: u64) -> Self {
        Self(AtomicU64::new(value))
    }

    pub(crate) fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }

    /// Replaces what somebody has contributed by another contribution.
    pub(crate) fn replace(&self, before: u64, now: u64) {
        // Wraps where it falls; the sum of all contributions is what it was meant to be.
        self.0.fetch_add(now.wrapping_sub(before), Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gauge_is_the_sum_of_what_each_contributes() {
        let gauge = Gauge::new(0);
        gauge.replace(0, 5);
        gauge.replace(0, 7);
        gauge.replace(5, 2);
        gauge.replace(7, 0);
        assert_eq!(gauge.get(), 2);
    }
}
