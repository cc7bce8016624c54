//! The time of this machine: of day, and how much has passed. What counts against limits is the store's time, never
//! this.

use std::time::SystemTime;

use tokio::time::Instant;

/// Now, as far as this machine knows.
#[expect(clippy::disallowed_methods, reason = "the one place that reads the clock")]
pub(crate) fn now() -> SystemTime {
    SystemTime::now()
}

/// Now, on the clock that spans of time are measured by.
#[expect(clippy::disallowed_methods, reason = "the one place that reads the clock")]
pub(crate) fn instant() -> Instant {
    Instant::now()
}
