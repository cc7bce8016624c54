//! Time as the provider knows it: microseconds since it started.

use std::fmt;
use std::ops::Add;
use std::time::Duration;

/// A moment, in microseconds since the provider started. Nothing here reads a clock: who calls says what time it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(u64);

impl Time {
    /// When the provider started.
    pub const START: Self = Self(0);

    /// Later than everything that happens.
    pub(crate) const NEVER: Self = Self(u64::MAX);

    /// So many microseconds after the start.
    #[must_use]
    pub const fn from_micros(us: u64) -> Self {
        Self(us)
    }

    /// So many seconds after the start.
    #[must_use]
    pub const fn from_secs(seconds: u64) -> Self {
        Self(seconds.saturating_mul(1_000_000))
    }

    /// Microseconds since the start.
    #[must_use]
    pub const fn as_micros(self) -> u64 {
        self.0
    }

    /// How long after `earlier` this is; nothing where it is before.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Time {
    type Output = Self;

    /// Ends at the last moment there is, rather than to begin anew.
    fn add(self, length: Duration) -> Self {
        Self(self.0.saturating_add(micros(length)))
    }
}

impl fmt::Display for Time {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}.{:06}s", self.0 / 1_000_000, self.0 % 1_000_000)
    }
}

/// The microseconds of a length of time, at most as many as there can be.
pub(crate) fn micros(length: Duration) -> u64 {
    u64::try_from(length.as_micros()).unwrap_or(u64::MAX)
}

/// The seconds of a length of time, rounded up and at least one: what a whole number in `Retry-After` has to say.
pub(crate) fn whole_seconds(length: Duration) -> u64 {
    micros(length).div_ceil(1_000_000).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_told_in_seconds_is_never_too_short() {
        let rows = [(0, 1), (1, 1), (1_000_000, 1), (1_000_001, 2), (60_000_000, 60)];
        for (us, seconds) in rows {
            assert_eq!(whole_seconds(Duration::from_micros(us)), seconds, "{us} us");
        }
    }

    #[test]
    fn time_has_an_end_and_no_wrap() {
        assert_eq!(Time::from_micros(u64::MAX) + Duration::MAX, Time::NEVER);
        assert_eq!(Time::START.since(Time::from_secs(3)), Duration::ZERO);
        assert_eq!(Time::from_micros(61_000_007).to_string(), "61.000007s");
    }
}
