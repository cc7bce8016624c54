//! The time of this process. The limits go by the store's and the provider's.

use std::time::Duration;

pub(crate) use tokio::time::Instant;

#[expect(clippy::disallowed_methods, reason = "the one place that reads the clock")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// Since `began`.
pub(crate) fn since(began: Instant) -> Duration {
    now().saturating_duration_since(began)
}

/// Lets so much time pass: networks and back-offs are time itself.
pub(crate) async fn pass(time: Duration) {
    tokio::time::sleep_until(now() + time).await;
}
