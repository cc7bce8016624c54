//! What callers hand to the dispatcher.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use super::grant::{Charge, Grant};
use crate::clock::Instant;
use crate::decision::Refused;
use crate::engine::{Settlement, SettlementReply};
use crate::error::Error;
use crate::in_force::InForce;
use crate::policy::{Bucket, Path};

/// The way in for acquires; bounded, so that a store that stands still does not fill the memory.
pub(crate) type Inbox = mpsc::Sender<Request>;

/// The way in for corrections; unbounded, because a dropped grant can't wait. Grants bound it.
pub(crate) type Outbox = mpsc::UnboundedSender<SettleRequest>;

/// The way in for the news that somebody waits no more; unbounded, because a dropped future can't wait. What waits bounds it.
pub(crate) type GoneOut = mpsc::UnboundedSender<LineKey>;

/// What makes calls equal: they pass the same buckets at the same costs.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct LineKey {
    /// Which policy the path is of: limits and terms differ between two.
    pub(crate) generation: u64,
    pub(crate) path: Arc<Path>,
    /// Calls that want to be told at once do not stand behind those that wait.
    pub(crate) waits: bool,
    /// Under this name a call is charged once, however often it is asked for: those of the same name are one call.
    pub(crate) name: Option<Box<str>>,
}

/// One call that wants a permit.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) line: LineKey,
    pub(crate) patience: Patience,
    /// When it was last put in line to be asked for.
    pub(crate) queued_at: Instant,
    pub(crate) reply: oneshot::Sender<Result<Answer, Error>>,
    /// Its place among those of its flow that wait, once it has one.
    pub(crate) place: Option<Arc<()>>,
}

/// How long a call may wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Patience {
    /// Not at all: it wants to be told.
    None,
    /// Until then.
    Until(Instant),
    /// As long as it takes.
    Endless,
}

/// What a caller is told.
#[derive(Debug)]
pub(crate) enum Answer {
    Granted(Grant),
    Refused(Refused),
    /// Another policy came into force: the path is to be found anew.
    Outdated,
}

/// Where the outcome of a correction goes.
pub(crate) type SettleReply = oneshot::Sender<Result<SettlementReply, Error>>;

/// One correction of what was charged.
#[derive(Debug)]
pub(crate) struct SettleRequest {
    /// The buckets that were charged, what is given back to each, and the policy by which they were found.
    given_back: Box<[(Bucket, i64)]>,
    generation: u64,
    pub(crate) settlement: Settlement,
    /// Nobody waits for the correction of a grant that was dropped.
    pub(crate) reply: Option<SettleReply>,
}

impl Request {
    /// Whether the caller has gone.
    pub(crate) fn is_abandoned(&self) -> bool {
        self.reply.is_closed()
    }

    /// Tells the caller. A grant that finds nobody is given back by its own drop.
    pub(crate) fn answer(self, answer: Result<Answer, Error>) {
        let _ = self.reply.send(answer);
    }
}

impl Patience {
    /// How long it lasts from `now` on.
    pub(super) fn lasts(self, now: Instant) -> Duration {
        match self {
            Self::None => Duration::ZERO,
            Self::Until(deadline) => deadline.saturating_duration_since(now),
            Self::Endless => Duration::MAX,
        }
    }

    /// Whether a wait until `at` is too long.
    pub(crate) fn ends_before(self, at: Instant) -> bool {
        match self {
            Self::None => true,
            Self::Until(deadline) => deadline < at,
            Self::Endless => false,
        }
    }
}

impl SettleRequest {
    /// The call has cost `cost` tokens and not what was `charged`.
    pub(crate) fn new<'b>(
        charge: &Charge,
        charged: impl Iterator<Item = (&'b Bucket, u32)>,
        cost: u32,
        reply: Option<SettleReply>,
    ) -> Self {
        let settlement = Settlement {
            permit: charge.name.clone(),
            epoch: charge.epoch,
            granted_at_us: charge.granted_at_us,
        };
        let given_back =
            charged.map(|(bucket, charged)| (bucket.clone(), i64::from(charged) - i64::from(cost)));
        Self { given_back: given_back.collect(), generation: charge.generation, settlement, reply }
    }

    /// How many buckets it corrects at most.
    pub(super) fn bucket_count(&self) -> usize {
        self.given_back.len()
    }

    /// The buckets as they are under `in_force`, and what is given back to each. A limit that is gone has nothing to correct.
    pub(super) fn given_back_under(&self, in_force: &InForce) -> Vec<(Cow<'_, Bucket>, i64)> {
        let is_known = self.generation == in_force.generation();
        let under = |bucket: &'_ Bucket| in_force.policy.bucket(bucket.limit_name(), bucket.key());
        let given_back = self.given_back.iter().filter_map(|(bucket, tokens)| {
            let bucket = if is_known { Some(Cow::Borrowed(bucket)) } else { under(bucket).map(Cow::Owned) };
            Some((bucket?, *tokens))
        });
        given_back.collect()
    }
}
