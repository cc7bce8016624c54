//! A bucket that leaks.

use std::time::Duration;

use super::counter::Terms;
use crate::time::Time;

/// Counted in units times microseconds, so that nothing is ever rounded: a bucket of `value` that leaks empty within
/// its window leaks `value` of these in a microsecond.
#[derive(Clone, Debug, Default)]
pub(crate) struct LeakyBucket {
    level: u128,
    seen: Time,
    /// What it leaks in a microsecond: it learns of another value with the next call that it sees.
    leak: u64,
}

impl LeakyBucket {
    pub(super) fn catch_up(&mut self, now: Time, terms: Terms) {
        let leaked = u128::from(self.leak) * now.since(self.seen).as_micros();
        self.level = self.level.saturating_sub(leaked);
        self.seen = now;
        self.leak = terms.value;
    }

    pub(super) fn wait(&self, terms: Terms, cost: u64) -> Duration {
        let room = u128::from(terms.value) * terms.window.as_micros();
        let wanted = u128::from(cost) * terms.window.as_micros();
        if wanted > room {
            return terms.window;
        }
        time_to_leak((self.level + wanted).saturating_sub(room), terms)
    }

    pub(super) fn take(&mut self, terms: Terms, cost: u64) {
        self.level += u128::from(cost) * terms.window.as_micros();
    }

    /// Whole units, rounded up: a remaining that is told must be there.
    pub(super) fn used(&self, terms: Terms) -> u64 {
        u64::try_from(self.level.div_ceil(terms.window.as_micros().max(1))).unwrap_or(u64::MAX)
    }

    pub(super) fn reset(&self, terms: Terms) -> Duration {
        time_to_leak(self.level, terms)
    }
}

fn time_to_leak(amount: u128, terms: Terms) -> Duration {
    let us = amount.div_ceil(u128::from(terms.value.max(1)));
    Duration::from_micros(u64::try_from(us).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TERMS: Terms = Terms { value: 40, window: Duration::from_secs(20) };

    #[test]
    fn a_bucket_of_forty_over_twenty_seconds_leaks_two_a_second() {
        let mut bucket = LeakyBucket::default();
        bucket.catch_up(Time::START, TERMS);
        bucket.take(TERMS, 40);
        assert_eq!(bucket.wait(TERMS, 1), Duration::from_millis(500));
        bucket.catch_up(Time::from_micros(499_999), TERMS);
        assert_eq!((bucket.wait(TERMS, 1), bucket.used(TERMS)), (Duration::from_micros(1), 40));
        bucket.catch_up(Time::from_micros(500_000), TERMS);
        assert_eq!((bucket.wait(TERMS, 1), bucket.used(TERMS)), (Duration::ZERO, 39));
        bucket.catch_up(Time::from_secs(3_600), TERMS);
        assert_eq!((bucket.wait(TERMS, 40), bucket.wait(TERMS, 41)), (Duration::ZERO, TERMS.window));
    }
}
