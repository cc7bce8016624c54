//! The time of this process: until when to wait. What counts against limits is the store's time, never this.

use std::future::Future;
use std::time::{Duration, SystemTime};

pub(crate) use tokio::time::Instant;

/// As good as never, and still a time that the clock can tell.
const NEVER: Duration = Duration::from_secs(365 * 86_400);

/// Now, on the clock that waits and lifetimes are measured by. It never steps.
#[expect(clippy::disallowed_methods, reason = "the one place that reads the clock")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// `wait` from now.
pub(crate) fn after(wait: Duration) -> Instant {
    now() + wait.min(NEVER)
}

/// How long it still is until `at`; nothing if that has passed.
pub(crate) fn until(at: Instant) -> Duration {
    at.saturating_duration_since(now())
}

/// Completes at `at`.
pub(crate) async fn sleep_until(at: Instant) {
    tokio::time::sleep_until(at).await;
}

/// The output of `work`, or `None` if it is not there at `at`.
pub(crate) async fn by<T>(at: Instant, work: impl Future<Output = T>) -> Option<T> {
    tokio::time::timeout_at(at, work).await.ok()
}

/// The date, for answers that name one and have no `Date` of their own. It may be wrong.
#[expect(clippy::disallowed_methods, reason = "the one place that reads the clock")]
pub(crate) fn date() -> SystemTime {
    SystemTime::now()
}
