//! The time of this process: how long to wait, and until when. What counts against limits is the store's time, never this.

use std::future::Future;
use std::time::Duration;

pub(crate) use tokio::time::Instant;

/// Now, on the clock that waits are measured by. Tests turn it with tokio's paused time.
#[expect(clippy::disallowed_methods, reason = "the one place that reads the clock")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// Completes at `at`.
pub(crate) async fn sleep_until(at: Instant) {
    tokio::time::sleep_until(at).await;
}

/// The output of `work`, or `None` if it takes longer than `limit`.
pub(crate) async fn timeout<T>(limit: Duration, work: impl Future<Output = T>) -> Option<T> {
    tokio::time::timeout(limit, work).await.ok()
}
