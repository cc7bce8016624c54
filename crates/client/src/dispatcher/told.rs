//! What the store told a line of calls: how long the buckets on their path make them wait.

use std::sync::Arc;
use std::time::Duration;

use crate::clock::Instant;
use crate::decision::{Reason, Refused};
use crate::policy::Path;

/// Longest wait that is told apart: more would not fit on the clock, and nobody waits for it.
const WAIT_LONGEST: Duration = Duration::from_secs(100 * 366 * 86_400);

/// The state of a path's buckets at a moment, and from it the wait of each call in a line.
#[derive(Clone, Debug)]
pub(super) struct Told {
    pub(super) at: Instant,
    pub(super) path: Arc<Path>,
    pub(super) debts: Arc<[u64]>,
    pub(super) cost: u32,
    /// Index on the path of a bucket that can't be made because its limit has as many as it may, and the wait.
    pub(super) crowded: Option<(usize, Duration)>,
}

impl Told {
    /// When the call can pass that has `ahead` equal ones before it, if nobody else comes.
    pub(super) fn due(&self, ahead: usize) -> Instant {
        self.at + self.wait(ahead).1
    }

    /// The refusal of that call, as of `now`.
    pub(super) fn refusal(&self, ahead: usize, now: Instant) -> Refused {
        let (bucket, wait) = self.wait(ahead);
        let bucket = &self.path.buckets()[bucket];
        Refused {
            limit: bucket.limit_name().to_owned(),
            key: bucket.key().to_owned(),
            terms: bucket.terms(),
            reason: if self.crowded.is_some() { Reason::Buckets } else { Reason::Tokens },
            retry_after: (self.at + wait).saturating_duration_since(now),
        }
    }

    /// The bucket that makes it wait longest, and how long from when this was told.
    fn wait(&self, ahead: usize) -> (usize, Duration) {
        if let Some(crowded) = self.crowded {
            return crowded;
        }
        let cost = u64::from(self.cost);
        let enforced = self.path.buckets().iter().enumerate().filter(|(_, bucket)| bucket.is_enforced());
        let waits = enforced.map(|(index, bucket)| {
            (index, bucket.terms().wait_us(self.debts[index], cost, cost.saturating_mul(ahead as u64)))
        });
        let (bucket, wait_us) = waits.max_by_key(|&(_, wait_us)| wait_us).unwrap_or_default();
        (bucket, Duration::from_micros(wait_us).min(WAIT_LONGEST))
    }
}
