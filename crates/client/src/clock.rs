//! The time of this process: how long to wait, and until when. What counts against limits is the store's time, never
//! this.

use std::future::Future;
use std::time::Duration;

pub(crate) use tokio::time::Instant;

/// A timer that rings so much too late was not held up by work: the process stood still.
const STANDSTILL: Duration = Duration::from_millis(100);
/// Within this time after a standstill everything is taken up that came meanwhile.
const TAKEN_UP: Duration = Duration::from_millis(50);

/// Now, on the clock that waits are measured by. Tests turn it with tokio's paused time.
#[expect(clippy::disallowed_methods, reason = "the one place that reads the clock")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// Completes at `at`.
pub(crate) async fn sleep_until(at: Instant) {
    tokio::time::sleep_until(at).await;
}

/// Until when to wait on, at `now`, for what should have come by `due`: after a standstill it may have come, and lie
/// there unread. `None` where nothing speaks for it.
pub(crate) fn respite(due: Instant, now: Instant) -> Option<Instant> {
    (now.saturating_duration_since(due) >= STANDSTILL).then(|| now + TAKEN_UP)
}

/// The output of `work`, or `None` if it takes longer than `limit`, a standstill of the process not counted.
pub(crate) async fn timeout<T>(limit: Duration, work: impl Future<Output = T>) -> Option<T> {
    let mut work = std::pin::pin!(work);
    let began = now();
    if let Ok(output) = tokio::time::timeout(limit, &mut work).await {
        return Some(output);
    }
    let until = respite(began.checked_add(limit)?, now())?;
    tokio::time::timeout_at(until, work).await.ok()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test ends where what it relies on is not so")]
mod tests {
    use super::*;
    use tokio::sync::oneshot;

    const LIMIT: Duration = Duration::from_millis(500);

    /// A process that was stopped finds the timer of a call rung before it has read the answer, which is there.
    #[tokio::test(start_paused = true)]
    async fn an_answer_that_came_during_a_standstill_is_taken_up() {
        let (answer, answered) = oneshot::channel();
        let waiting = tokio::spawn(timeout(LIMIT, answered));
        tokio::task::yield_now().await;
        tokio::time::advance(Duration::from_secs(4)).await;
        tokio::task::yield_now().await;
        answer.send(()).unwrap();
        assert_eq!(waiting.await.unwrap(), Some(Ok(())));
    }

    #[tokio::test(start_paused = true)]
    async fn what_does_not_come_is_waited_for_no_longer_than_the_limit() {
        let began = now();
        assert_eq!(timeout(LIMIT, std::future::pending::<()>()).await, None);
        assert!(now() - began < LIMIT + STANDSTILL);
        let waiting = tokio::spawn(timeout(LIMIT, std::future::pending::<()>()));
        tokio::task::yield_now().await;
        tokio::time::advance(Duration::from_secs(4)).await;
        let back = now();
        assert_eq!(waiting.await.unwrap(), None);
        assert!(now() - back < TAKEN_UP + Duration::from_millis(10), "{:?}", now() - back);
    }
}
