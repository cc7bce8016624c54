//! How often a value was how large, counted without a lock.

use std::time::Duration;

use super::counter::Counter;
use super::family::Distribution;

/// Counts values by bounds that are fixed from the beginning.
#[derive(Debug)]
pub(crate) struct Histogram {
    scale: &'static Scale,
    /// One more than there are bounds, for what is above all of them.
    counts: Box<[Counter]>,
    sum: Counter,
}

/// The bounds of a histogram, in what it counts in, and how many of that are one of its unit.
#[derive(Debug)]
pub(crate) struct Scale {
    bounds: &'static [u64],
    of_unit: f64,
}

/// Waits for a grant, in microseconds: from a quick answer to the longest that anybody holds a connection for.
pub(crate) const WAITS: Scale = Scale {
    bounds: &[
        1_000,
        2_500,
        5_000,
        10_000,
        25_000,
        50_000,
        100_000,
        250_000,
        500_000,
        1_000_000,
        2_500_000,
        5_000_000,
        10_000_000,
        30_000_000,
        60_000_000,
        300_000_000,
    ],
    of_unit: 1e6,
};

/// Script calls, in microseconds: from an embedded one to the longest timeout.
pub(crate) const SCRIPT_CALLS: Scale = Scale {
    bounds: &[
        50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000,
        5_000_000,
    ],
    of_unit: 1e6,
};

/// Calls that go to the store together.
pub(crate) const BATCHES: Scale =
    Scale { bounds: &[1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1_024, 4_096, 16_384], of_unit: 1.0 };

impl Histogram {
    pub(crate) fn new(scale: &'static Scale) -> Self {
        let counts = (0..=scale.bounds.len()).map(|_| Counter::default()).collect();
        Self { scale, counts, sum: Counter::default() }
    }

    pub(crate) fn observe(&self, value: u64) {
        // A value that is a bound belongs below it.
        let place = self.scale.bounds.partition_point(|&bound| bound < value);
        self.counts[place].add(1);
        self.sum.add(value);
    }

    /// For a histogram that counts in microseconds.
    pub(crate) fn observe_duration(&self, duration: Duration) {
        self.observe(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX));
    }

    /// What was counted so far. How many there were is the sum of the buckets, also while others count on.
    pub(crate) fn distribution(&self) -> Distribution {
        let in_unit = |value: u64| {
            #[expect(
                clippy::cast_precision_loss,
                reason = "exact up to 2^53, which is 285 years of microseconds"
            )]
            let value = value as f64;
            value / self.scale.of_unit
        };
        let bounds = self.scale.bounds.iter().map(|&bound| in_unit(bound)).chain([f64::INFINITY]);
        let buckets: Vec<_> = bounds.zip(self.counts.iter().map(Counter::get)).collect();
        let count = buckets.iter().map(|(_, count)| count).sum();
        Distribution { sum: in_unit(self.sum.get()), count, buckets }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_counted_under_the_first_bound_that_it_does_not_exceed() {
        let histogram = Histogram::new(&BATCHES);
        for value in [1, 2, 3, 4, 16_384, 16_385] {
            histogram.observe(value);
        }
        let Distribution { sum, count, buckets } = histogram.distribution();
        assert_eq!((sum, count), (32_779.0, 6));
        let counted: Vec<_> = buckets.into_iter().filter(|(_, count)| *count > 0).collect();
        assert_eq!(counted, [(1.0, 1), (2.0, 1), (4.0, 2), (16_384.0, 1), (f64::INFINITY, 1)]);
    }

    #[test]
    fn a_wait_is_told_in_seconds() {
        let histogram = Histogram::new(&WAITS);
        histogram.observe_duration(Duration::from_millis(1_500));
        let Distribution { sum, buckets, .. } = histogram.distribution();
        assert!((sum - 1.5).abs() < 1e-9);
        assert!(buckets.contains(&(2.5, 1)), "{buckets:?}");
    }
}
