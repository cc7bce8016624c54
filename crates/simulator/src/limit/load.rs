//! Limits that shrink under load, and the meter by which a provider knows its load.

use std::collections::VecDeque;
use std::time::Duration;

use crate::time::Time;

/// While more than `above` calls of anybody came within `over`, a limit allows only `percent` of its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct UnderLoad {
    pub(crate) above: u64,
    pub(crate) over: Duration,
    pub(crate) percent: u64,
}

impl UnderLoad {
    /// What is left of `value` where so many calls came. Something always is.
    pub(crate) fn shrunk(&self, value: u64, calls: u64) -> u64 {
        if calls > self.above { (value * self.percent / 100).max(1) } else { value }
    }
}

/// Counts all arrivals within a length before now.
#[derive(Clone, Debug)]
pub(crate) struct LoadMeter {
    over: Duration,
    arrivals: VecDeque<Time>,
}

impl LoadMeter {
    pub(crate) fn new(over: Duration) -> Self {
        Self { over, arrivals: VecDeque::new() }
    }

    pub(crate) fn arrived(&mut self, now: Time) {
        while self.arrivals.front().is_some_and(|&at| at + self.over <= now) {
            self.arrivals.pop_front();
        }
        self.arrivals.push_back(now);
    }

    /// Those that came within the length before the last one, itself included.
    pub(crate) fn calls(&self) -> u64 {
        self.arrivals.len() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_shrinks_above_the_threshold_and_recovers_below_it() {
        let under_load = UnderLoad { above: 2, over: Duration::from_secs(1), percent: 30 };
        let mut meter = LoadMeter::new(under_load.over);
        let mut at = |us| {
            meter.arrived(Time::from_micros(us));
            under_load.shrunk(100, meter.calls())
        };
        assert_eq!([at(0), at(1), at(2), at(999_999)], [100, 100, 30, 30]);
        // The first three are a whole second old and count no more.
        assert_eq!(at(1_000_002), 100);
        assert_eq!(under_load.shrunk(1, 3), 1, "a limit never shrinks to nothing");
    }
}
