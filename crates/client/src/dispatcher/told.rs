//! What the store told a line of calls: how long the buckets on their path make them wait.

use std::sync::Arc;
use std::time::Duration;

use super::request::{Answer, Patience};
use crate::clock::Instant;
use crate::decision::{Reason, Refused};
use crate::metrics::{LimitMeter, PolicyMeters};
use crate::policy::{Bucket, Measure, Path};

/// Longest wait that is told apart: more would not fit on the clock, and nobody waits for it.
const WAIT_LONGEST: Duration = Duration::from_secs(100 * 366 * 86_400);

/// Whoever waits for others to be over is told no longer than this, unless nothing passes for a time.
const LOOK_LONGEST: Duration = Duration::from_millis(250);

/// When the first call of a line has its turn, and the state of the path's buckets; from both the wait of each call in
/// the line.
#[derive(Clone, Debug)]
pub(super) struct Told {
    pub(super) at: Instant,
    pub(super) path: Arc<Path>,
    pub(super) debts: Arc<[u64]>,
    /// Index on the path of the bucket that makes the first call wait longest.
    pub(super) by: usize,
    /// How long it makes the first call wait, those included whose turn comes before.
    pub(super) wait: Duration,
    /// How long the way there and back takes at least: who sets out earlier by so much does not arrive too early,
    /// because the wait began when the store decided.
    pub(super) way: Duration,
    /// That bucket can't be made because its limit has as many as it may.
    pub(super) crowded: bool,
    /// What is counted at the limits on the path.
    pub(super) meters: Arc<PolicyMeters>,
}

impl Told {
    /// When the call can pass at the earliest that has `ahead` equal ones before it.
    pub(super) fn due(&self, ahead: usize) -> Instant {
        self.at + self.wait(ahead).1
    }

    /// The refusal of that call, as of `now`.
    pub(super) fn refusal(&self, ahead: usize, now: Instant) -> Answer {
        let (bucket, wait) = self.wait(ahead);
        let bucket = &self.path.buckets()[bucket];
        let meter = self.meters.limit(bucket.limit()).cloned();
        let refused = Refused {
            limit: bucket.limit_name().to_owned(),
            key: bucket.key().to_owned(),
            terms: bucket.terms(),
            measure: bucket.measure(),
            reason: self.reason(bucket),
            retry_after: (self.at + wait).saturating_duration_since(now),
        };
        Answer::Refused(refused, meter)
    }

    fn reason(&self, bucket: &Bucket) -> Reason {
        match bucket.measure() {
            _ if self.crowded => Reason::Buckets,
            Measure::Tokens => Reason::Tokens,
            Measure::Spacing => Reason::Spacing,
            Measure::InFlight => Reason::InFlight,
        }
    }

    /// The bucket that binds.
    pub(super) fn bucket(&self) -> &Bucket {
        &self.path.buckets()[self.by]
    }

    /// What is counted at its limit.
    pub(super) fn meter(&self) -> Option<&Arc<LimitMeter>> {
        self.meters.limit(self.bucket().limit())
    }

    /// Whether a call with this patience, that has `ahead` equal ones before it, can't be granted in time. Where calls
    /// wait for others to be over there is hope to the very end.
    pub(super) fn is_hopeless(&self, patience: Patience, ahead: usize, now: Instant) -> bool {
        if self.is_open_ended() { patience.is_over(now) } else { patience.ends_before(self.due(ahead)) }
    }

    /// When a call with this patience, that is first in its line, is asked for again at the latest: in time to arrive
    /// when it is due.
    pub(super) fn asks_by(&self, patience: Patience) -> Instant {
        let due = match patience {
            Patience::Until(deadline) if self.is_open_ended() => deadline.min(self.due(0)),
            _ => self.due(0),
        };
        due.checked_sub(self.way).map_or(self.at, |sets_out| sets_out.max(self.at))
    }

    /// Whether nobody knows when the bucket that binds will have room.
    fn is_open_ended(&self) -> bool {
        self.bucket().measure() == Measure::InFlight && !self.crowded && self.wait <= LOOK_LONGEST
    }

    /// The bucket that makes it wait longest, and how long from when this was told: as long as if no other line took
    /// turns with this one from now on.
    fn wait(&self, ahead: usize) -> (usize, Duration) {
        if self.crowded {
            return (self.by, self.wait);
        }
        let enforced = self.path.charges().enumerate().filter(|(_, (bucket, _))| bucket.is_enforced());
        let waits = enforced.map(|(index, (bucket, cost))| {
            let (terms, cost) = (bucket.terms(), u64::from(cost));
            let behind = cost.saturating_mul(ahead as u64);
            let wait = Duration::from_micros(terms.wait_us(self.debts[index], cost, behind));
            if index == self.by {
                (index, wait.max(self.wait + Duration::from_micros(terms.earned_in_us(behind))))
            } else {
                (index, wait)
            }
        });
        let (bucket, wait) = waits.max_by_key(|&(_, wait)| wait).unwrap_or_default();
        (bucket, wait.min(WAIT_LONGEST))
    }
}
