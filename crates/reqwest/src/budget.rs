//! The retry budget: how many of all requests may be retries.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tower::retry::budget::{Budget, TpsBudget};

/// Over which time requests and retries are compared.
const WINDOW: Duration = Duration::from_secs(10);
const PERCENT: u8 = 20;
const PER_SECOND: u16 = 10;

/// How many requests may be sent again, of all that pass a middleware.
///
/// Retries help against a provider that fails now and then, and make it worse for one that fails all the time. So in
/// any ten seconds there are at most ten times [`per_second`](Self::per_second) retries, and [`percent`](Self::percent)
/// of the requests of that time in addition. Once they are used up, answers and errors reach the caller as they came.
///
/// Clones share one budget, so several clients of a process can have one together.
///
/// # Examples
/// ```
/// use tollgate_reqwest::RetryBudget;
///
/// let sparing = RetryBudget::default().percent(10).per_second(1);
/// let none = RetryBudget::default().percent(0).per_second(0);
/// ```
#[derive(Clone)]
#[must_use]
pub struct RetryBudget {
    percent: u8,
    per_second: u16,
    budget: Arc<TpsBudget>,
}

impl RetryBudget {
    fn new(percent: u8, per_second: u16) -> Self {
        let share = f32::from(percent) / 100.0;
        let budget = Arc::new(TpsBudget::new(WINDOW, per_second.into(), share));
        Self { percent, per_second, budget }
    }

    /// The share of requests that may be sent again, in hundredths, at most 100; default 20.
    ///
    /// It is rounded up to the next one in so many: 30 counts as one in three.
    ///
    /// The budget begins anew, apart from its clones.
    pub fn percent(self, percent: u8) -> Self {
        Self::new(percent.min(100), self.per_second)
    }

    /// How many retries a second there may be beside the share, for those who send little; default 10.
    ///
    /// The budget begins anew, apart from its clones.
    pub fn per_second(self, per_second: u16) -> Self {
        Self::new(self.percent, per_second)
    }

    /// A request is sent for the first time.
    pub(crate) fn deposit(&self) {
        self.budget.deposit();
    }

    /// Whether one may be sent again, which is then counted.
    pub(crate) fn withdraw(&self) -> bool {
        self.budget.withdraw()
    }
}

impl Default for RetryBudget {
    /// 20 in a hundred, and 10 a second.
    fn default() -> Self {
        Self::new(PERCENT, PER_SECOND)
    }
}

impl fmt::Debug for RetryBudget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { percent, per_second, .. } = self;
        f.debug_struct("RetryBudget")
            .field("percent", percent)
            .field("per_second", per_second)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left(budget: &RetryBudget) -> usize {
        (0..1_000).take_while(|_| budget.withdraw()).count()
    }

    #[tokio::test(start_paused = true)]
    async fn it_is_a_share_and_so_many_a_second() {
        let budget = RetryBudget::default();
        for _ in 0..100 {
            budget.deposit();
        }
        assert_eq!(left(&budget), 120, "20 of 100, and 10 for each of ten seconds");
        tokio::time::advance(Duration::from_secs(30)).await;
        assert_eq!(left(&budget), 100, "the requests are too long ago");
        assert_eq!(left(&RetryBudget::default().percent(0).per_second(0)), 0);
    }
}
