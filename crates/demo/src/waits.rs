//! How long people waited for the answers to their clicks.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::traffic::Click;

/// Of each click when it was, and how long its answer took.
#[derive(Debug)]
pub(crate) struct Waits {
    at: Vec<Duration>,
    waited: Mutex<Vec<Option<Duration>>>,
}

impl Waits {
    pub(crate) fn of(clicks: &[Click]) -> Self {
        Self {
            at: clicks.iter().map(|click| click.at).collect(),
            waited: Mutex::new(vec![None; clicks.len()]),
        }
    }

    /// The answer to a click is there, so long after the beginning.
    pub(crate) fn answered(&self, click: usize, at: Duration) {
        let waited = at.saturating_sub(self.at[click]);
        self.lock()[click] = Some(waited);
    }

    pub(crate) fn are_all_answered(&self) -> bool {
        self.lock().iter().all(Option::is_some)
    }

    /// The wait that so many of a hundred did not exceed. Who has no answer yet, so long after the beginning, has
    /// waited until now: left out, the longest waits would be those that are not counted.
    pub(crate) fn percentile(&self, percent: usize, now: Duration) -> Duration {
        let mut waits: Vec<_> = self
            .lock()
            .iter()
            .zip(&self.at)
            .map(|(waited, &at)| waited.unwrap_or(now.saturating_sub(at)))
            .collect();
        waits.sort_unstable();
        let nth = (waits.len() * percent).div_ceil(100).max(1);
        waits.get(nth - 1).copied().unwrap_or_default()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Option<Duration>>> {
        self.waited.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traffic::Post;

    #[test]
    fn who_has_no_answer_has_waited_until_now() {
        let second = Duration::from_secs;
        let clicks: Vec<_> =
            (0..100).map(|at| Click { at: second(at), post: Post { replica: 0, org: 0 } }).collect();
        let waits = Waits::of(&clicks);
        for (click, &Click { at, .. }) in clicks.iter().enumerate().skip(1) {
            waits.answered(click, at + second(1));
        }
        assert!(!waits.are_all_answered());
        assert_eq!(waits.percentile(99, second(200)), second(1));
        assert_eq!(waits.percentile(100, second(200)), second(200));
    }
}
