//! How much a limit allows: for whom, and from when on.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::time::Time;

/// A value and its later changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Timeline {
    /// From when on, and how much; in order, the first from the start on.
    steps: Vec<(Time, u64)>,
}

impl Timeline {
    pub(crate) fn new(value: u64) -> Self {
        Self { steps: vec![(Time::START, value)] }
    }

    /// From `at` on it is `value`.
    pub(crate) fn change(&mut self, at: Time, value: u64) {
        let place = self.steps.partition_point(|(from, _)| *from <= at);
        self.steps.insert(place, (at, value));
    }

    pub(crate) fn at(&self, now: Time) -> u64 {
        let after = self.steps.partition_point(|(from, _)| *from <= now);
        self.steps.get(after.saturating_sub(1)).map_or(0, |(_, value)| *value)
    }

    /// The value summed over every microsecond of an interval.
    pub(crate) fn sum(&self, during: &Range<Time>) -> u128 {
        let ends = self.steps.iter().skip(1).map(|(from, _)| *from).chain([Time::NEVER]);
        let parts = self.steps.iter().zip(ends).map(|((from, value), until)| {
            let overlap = until.min(during.end).since((*from).max(during.start));
            u128::from(*value) * overlap.as_micros()
        });
        parts.sum()
    }
}

/// What a limit allows each of its keys.
#[derive(Clone, Debug)]
pub(crate) struct Values {
    pub(crate) default: Timeline,
    pub(crate) overrides: BTreeMap<String, Timeline>,
}

impl Values {
    /// Those of a key, whose text is only asked for where some key has other values than the rest.
    pub(crate) fn of(&self, key: impl FnOnce() -> String) -> &Timeline {
        if self.overrides.is_empty() {
            return &self.default;
        }
        self.overrides.get(&key()).unwrap_or(&self.default)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_in_force_from_its_change_on() {
        let mut value = Timeline::new(300);
        value.change(Time::from_secs(60), 350);
        value.change(Time::from_secs(30), 210);
        let rows = [(0, 300), (29, 300), (30, 210), (59, 210), (60, 350), (1_000, 350)];
        for (seconds, expected) in rows {
            assert_eq!(value.at(Time::from_secs(seconds)), expected, "at {seconds} s");
        }
        let sum = |from, to| value.sum(&(Time::from_secs(from)..Time::from_secs(to))) / 1_000_000;
        assert_eq!((sum(0, 90), sum(40, 50), sum(50, 40)), (300 * 30 + 210 * 30 + 350 * 30, 2_100, 0));
    }
}
