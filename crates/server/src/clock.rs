//! The time of day, by the clock of this machine. What counts against limits is the store's time, never this.

use std::time::SystemTime;

/// Now, as far as this machine knows.
#[expect(clippy::disallowed_methods, reason = "the one place that reads the clock")]
pub(crate) fn now() -> SystemTime {
    SystemTime::now()
}
