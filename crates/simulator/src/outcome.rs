//! What becomes of a call.

use std::time::Duration;

use crate::answer::Answer;
use crate::limit::LimitName;

/// The verdict on a call, and what its sender gets to see.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The call, for [`Provider::finish`](crate::Provider::finish).
    pub call: CallId,
    /// What was decided.
    pub verdict: Verdict,
    /// The limit that refused it: of several, the one that makes it wait longest.
    pub refused_by: Option<LimitName>,
    /// How long until that limit has room, to the microsecond. What a header tells is rounded up.
    pub wait: Duration,
    /// The answer, or `None` where the connection is reset.
    pub answer: Option<Answer>,
    /// How long it takes until the answer is there.
    pub latency: Duration,
}

/// A call in the ledger, by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallId(pub(crate) usize);

/// What was decided about a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// It passed all limits and was done.
    Done,
    /// A limit refused it.
    Refused,
    /// Its token was unknown or too old, or it asked for a token and was given none. No limit has seen it.
    Unauthorized,
    /// It failed by a fault of the provider, and no limit has seen it.
    Failed(Fault),
    /// It failed by a fault of the provider after it had passed and used up its limits.
    FailedLate(Fault),
}

/// What goes wrong, apart from limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// An error of the provider, in the range of 500.
    Error,
    /// The connection is reset without an answer.
    Reset,
}

impl Verdict {
    /// Whether the call passed all limits, so that each of them must have had room for it.
    #[must_use]
    pub const fn passed(self) -> bool {
        matches!(self, Self::Done | Self::FailedLate(_))
    }
}
