//! The real clock: only the HTTP server reads it, the provider itself is told the time.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

use crate::time::{Time, micros};

/// The time since a server started.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    started: Instant,
}

impl Clock {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the clock")]
    pub(crate) fn start() -> Self {
        Self { started: Instant::now() }
    }

    #[expect(clippy::disallowed_methods, reason = "the one place that reads the clock")]
    pub(crate) fn now(self) -> Time {
        Time::from_micros(micros(Instant::now().saturating_duration_since(self.started)))
    }
}

/// Seconds since 1970, for providers that tell the end of a window by the calendar.
#[expect(clippy::disallowed_methods, reason = "the one place that reads the clock")]
pub(crate) fn epoch_seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// Completes after `length`: the latency of an answer is time itself.
#[expect(clippy::disallowed_methods, reason = "the one place that lets time pass")]
pub(crate) async fn pass(length: Duration) {
    if !length.is_zero() {
        tokio::time::sleep(length).await;
    }
}
