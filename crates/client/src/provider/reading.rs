//! What an answer says about the provider's limits.

use std::time::Duration;

/// What an answer says about the provider's limits; empty where it says nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Reading {
    /// That the call was throttled, if it was.
    pub throttled: Option<Throttled>,
    /// What is told of quotas, in the order of the adapter; at most 32.
    ///
    /// Answers of concurrent calls arrive out of order, so an older one may tell of more that remains than is left.
    pub quotas: Vec<QuotaReading>,
    /// What the call has cost in truth, in the provider's points, a fraction rounded up.
    pub cost: Option<u64>,
}

/// The call was refused because of a limit.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Throttled {
    /// How long to wait before the next call.
    pub wait: Wait,
    /// The limit that was hit, where the provider names it.
    pub limit: Option<ProviderLimit>,
    /// Whether the call was carried out nevertheless.
    pub execution: Execution,
}

/// How long to wait before the next call to the same limit, from the answer on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Wait {
    /// The time, none to [`WAIT_MAX`](super::WAIT_MAX). None means that the next call may go at once.
    pub duration: Duration,
    /// Who says so.
    pub source: WaitSource,
}

/// Who says how long to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WaitSource {
    /// The provider, in this answer.
    Told,
    /// The adapter: the answer does not tell. It is the first step of the back-off;
    /// [`Adapter::default_wait`](super::Adapter::default_wait) has the further ones.
    Default,
}

/// A limit, as the provider names it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProviderLimit {
    /// Its name, 1 to 256 bytes without control characters, to be compared with the `names` of a policy's limits.
    pub name: String,
    /// How much it allows, where that is told.
    pub value: Option<u64>,
}

/// Whether a throttled call was carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Execution {
    /// It was not: it can be sent again whatever it does.
    NotExecuted,
    /// It may have been: sending it again may do twice what it does.
    Unknown,
}

/// What an answer tells of one quota. At least one of `limit`, `remaining`, `used` and `resets_in` is known.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct QuotaReading {
    /// Its name, where it has one: 1 to 256 bytes without control characters.
    pub name: Option<String>,
    /// Which of its parts is meant, where the provider counts per key: text, or base64 where the key is none.
    pub key: Option<String>,
    /// How much it allows in a window.
    pub limit: Option<u64>,
    /// How much is left of it, a fraction rounded down. Where only `limit` and `used` are told, the difference of the
    /// two.
    pub remaining: Option<u64>,
    /// How much of it is used up, a fraction rounded up.
    pub used: Option<u64>,
    /// The time until there is more of it, or of a bucket that refills evenly until it is full; none to
    /// [`WAIT_MAX`](super::WAIT_MAX).
    pub resets_in: Option<Duration>,
    /// Whether it comes back bit by bit, as the provider tells a rate, and not all at once when it resets.
    pub refills_evenly: bool,
    /// The length of its window, up to 366 days.
    pub window: Option<Duration>,
}

impl QuotaReading {
    /// Whether nothing is left.
    #[must_use]
    pub fn is_used_up(&self) -> bool {
        self.remaining == Some(0)
    }
}
