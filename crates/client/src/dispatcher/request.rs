//! What callers hand to the dispatcher.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use super::grant::Grant;
use crate::clock::Instant;
use crate::decision::Refused;
use crate::error::Error;
use crate::metrics::LimitMeter;
use crate::policy::Path;

/// The way in for acquires; bounded, so that a store that stands still does not fill the memory.
pub(crate) type Inbox = mpsc::Sender<Request>;

/// The way in for the news that somebody waits no more; unbounded, because a dropped future can't wait. What waits
/// bounds it.
pub(crate) type GoneOut = mpsc::UnboundedSender<LineKey>;

/// What makes calls equal: they pass the same buckets at the same costs. What is told of them may differ.
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
    /// The bucket that has made it wait last, by where it stands on the path.
    pub(crate) held_by: Option<usize>,
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
    /// With the place on the path of the bucket that has made the call wait last, if one has.
    Granted(Grant, Option<usize>),
    /// With what is counted at the limit that binds.
    Refused(Refused, Option<Arc<LimitMeter>>),
    /// Another policy came into force: the path is to be found anew.
    Outdated,
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

    /// Whether it is at its end.
    pub(super) fn is_over(self, now: Instant) -> bool {
        match self {
            Self::None => true,
            Self::Until(deadline) => deadline <= now,
            Self::Endless => false,
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
