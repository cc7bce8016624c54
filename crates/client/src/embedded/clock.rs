//! The clock that `TIME` reads: the system's, or one that a test sets.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::clock::{self, Instant};

/// Where a script's `TIME` comes from. Read once a call, so time stands still inside a script.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Clock {
    /// The operating system's wall clock.
    System,
    /// A clock that only moves when it is told to.
    Manual(ManualClock),
    /// The clock of the tokio runtime, which a test or a simulation can pause.
    Runtime(RuntimeClock),
}

impl Clock {
    /// Microseconds since the Unix epoch; 0 for a system clock set before it.
    #[must_use]
    pub fn now_us(&self) -> u64 {
        match self {
            Clock::System => system_now_us(),
            Clock::Manual(clock) => clock.now_us(),
            Clock::Runtime(clock) => clock.now_us(),
        }
    }
}

/// A clock that goes with [`tokio::time`]: where that is paused, this one is virtual too.
#[derive(Debug, Clone)]
pub struct RuntimeClock {
    began: Instant,
    began_us: u64,
}

impl RuntimeClock {
    /// A clock that shows `now_us` microseconds since the Unix epoch now.
    #[must_use]
    pub fn at_us(now_us: u64) -> RuntimeClock {
        RuntimeClock { began: clock::now(), began_us: now_us }
    }

    /// Microseconds since the Unix epoch.
    #[must_use]
    pub fn now_us(&self) -> u64 {
        let passed = clock::now().saturating_duration_since(self.began);
        self.began_us + u64::try_from(passed.as_micros()).unwrap_or(u64::MAX / 2)
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is the clock module that the lint sends everyone else to"
)]
fn system_now_us() -> u64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since_epoch.as_micros()).unwrap_or(u64::MAX)
}

/// A clock moved by hand. Clones share the time: keep one, give the other to the engine.
///
/// It may also be set back, as a wall clock may.
#[derive(Debug, Clone, Default)]
pub struct ManualClock {
    now_us: Arc<AtomicU64>,
}

impl ManualClock {
    /// A clock that shows `now_us` microseconds since the Unix epoch.
    #[must_use]
    pub fn at_us(now_us: u64) -> ManualClock {
        ManualClock { now_us: Arc::new(AtomicU64::new(now_us)) }
    }

    /// Microseconds since the Unix epoch.
    #[must_use]
    pub fn now_us(&self) -> u64 {
        self.now_us.load(Ordering::SeqCst)
    }

    /// Shows `now_us` microseconds since the Unix epoch from here on.
    pub fn set(&self, now_us: u64) {
        self.now_us.store(now_us, Ordering::SeqCst);
    }

    /// Moves on by `by_us` microseconds.
    pub fn advance(&self, by_us: u64) {
        self.now_us.fetch_add(by_us, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manual_clock_moves_only_when_told_and_its_clones_share_the_time() {
        let clock = ManualClock::at_us(5);
        let engine_side = Clock::Manual(clock.clone());
        clock.advance(10);
        assert_eq!(engine_side.now_us(), 15);
        clock.set(3);
        assert_eq!(engine_side.now_us(), 3);
    }

    #[test]
    fn the_system_clock_is_past_2020() {
        assert!(Clock::System.now_us() > 1_577_836_800_000_000);
    }
}
