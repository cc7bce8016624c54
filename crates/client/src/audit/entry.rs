//! An entry of the audit trail.

use std::time::Duration;

use super::attribution::Attribution;
use super::granted::GrantedCalls;
use super::id::AuditId;
use super::kind::AuditKind;
use crate::policy::Measure;

/// Something that happened to a namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AuditEntry {
    /// Its place in the trail.
    pub id: AuditId,
    /// When it was written, in microseconds since 1970 by the store's clock.
    pub at_us: u64,
    /// What it was.
    pub event: AuditEvent,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AuditEvent {
    /// A policy was put into force.
    PolicyWritten {
        /// Its version, from 1.
        version: u64,
        /// Tells this version from every other one.
        tag: String,
        /// Who wrote it.
        author: String,
        /// What for.
        reason: String,
        /// The replica that it was told.
        replica: String,
    },
    /// The store had lost a policy, and a replica gave it back.
    PolicyRestored {
        /// Its version.
        version: u64,
        /// Tells this version from every other one.
        tag: String,
        /// Who once wrote it.
        author: String,
        /// What for.
        reason: String,
        /// The replica that gave it back.
        replica: String,
    },
    /// The policy has learned a limit of the provider, by the version that is told right before.
    LimitLearned {
        /// The limit's name in the policy.
        limit: String,
        /// The policy's version that has it first.
        version: u64,
        /// The replica whose call was refused.
        replica: String,
    },
    /// The state was lost, or may have been, as after a restart of the server: every bucket begins empty.
    EpochBegun {
        /// Its number, which is the time at which it began, in microseconds since 1970 by the store's clock.
        epoch: u64,
        /// The run id of the server process in which it began.
        server: String,
    },
    /// The provider refused a call, and a bucket was paused for all replicas.
    Paused {
        /// The limit's name.
        limit: String,
        /// Which of its buckets.
        key: String,
        /// Why this one.
        by: Attribution,
        /// Until when nothing passes, in microseconds since 1970 by the store's clock.
        until_us: u64,
        /// How long the provider wants to see no call.
        wait: Duration,
        /// At which part of its rate the bucket goes from then on, in hundredths.
        pace_percent: u32,
        /// The status of the provider's answer, as HTTP has it; 0 if that is not known.
        status: u16,
        /// Whose call it was, if that is known.
        org: Option<String>,
        /// The replica whose call was refused.
        replica: String,
    },
    /// An operator paused a bucket for all replicas.
    Held {
        /// The limit's name.
        limit: String,
        /// Which of its buckets.
        key: String,
        /// Until when nothing passes, in microseconds since 1970 by the store's clock.
        until_us: u64,
        /// Who did it.
        author: String,
        /// What for.
        reason: String,
        /// The replica that it was told.
        replica: String,
    },
    /// An operator ended the pause of a bucket, whoever had begun it.
    Resumed {
        /// The limit's name.
        limit: String,
        /// Which of its buckets.
        key: String,
        /// Until when it would have been, in microseconds since 1970 by the store's clock.
        until_us: u64,
        /// Who did it.
        author: String,
        /// What for.
        reason: String,
        /// The replica that it was told.
        replica: String,
    },
    /// The pace of a bucket was cut.
    Cut {
        /// The limit's name.
        limit: String,
        /// Which of its buckets.
        key: String,
        /// At which part of its rate it went before, in hundredths. What it had recovered since the last cut is in it.
        from_percent: u32,
        /// At which part it goes from now on.
        to_percent: u32,
        /// What it is counted over: the next cut comes no sooner.
        window: Duration,
        /// Whose call was refused, if that is known.
        org: Option<String>,
        /// The replica whose call was refused.
        replica: String,
    },
    /// A bucket goes at all of its rate again after a cut. Told within about ten seconds, in a namespace of many
    /// buckets later.
    Recovered {
        /// The limit's name.
        limit: String,
        /// Which of its buckets.
        key: String,
        /// When it was cut last, in microseconds since 1970 by the store's clock.
        cut_at_us: u64,
        /// At which part of its rate it went from then on, in hundredths.
        from_percent: u32,
        /// Whether that was because nobody has asked for it for ten of its windows, or a day: else it was used up
        /// window after window.
        is_forgotten: bool,
    },
    /// A bucket held more than the provider said was left, and was lowered. Told once a minute for a bucket, else
    /// counted.
    Lowered {
        /// The limit's name.
        limit: String,
        /// Which of its buckets.
        key: String,
        /// Tokens that the provider says are left.
        remaining: u64,
        /// Until the provider grants the whole quota again; zero if it has not said.
        resets_in: Duration,
        /// Whole tokens that the bucket held.
        held: u64,
        /// Whose call was answered, if that is known.
        org: Option<String>,
        /// The replica whose call was answered.
        replica: String,
    },
    /// What was taken up at a bucket and told nothing new: counted, and told within about two minutes.
    Repeated {
        /// The limit's name.
        limit: String,
        /// Which of its buckets.
        key: String,
        /// Since when, in microseconds since 1970 by the store's clock.
        since_us: u64,
        /// Calls that the provider refused, all of them granted before the last refusal that was news was known.
        refused: u64,
        /// Times that it was lowered, less than a minute after the last time.
        lowered: u64,
        /// The latest end of a pause that these told, in microseconds since 1970 by the store's clock; 0 if they told
        /// none.
        until_us: u64,
    },
    /// The provider refused a call, and that was put down to a bucket: told of each, whatever came of it.
    Throttled {
        /// The limit's name.
        limit: String,
        /// Which of its buckets.
        key: String,
        /// Why this one.
        by: Attribution,
        /// How long the provider wants to see no call.
        wait: Duration,
        /// The status of the provider's answer, as HTTP has it; 0 if that is not known.
        status: u16,
        /// Whether the call was granted after the last refusal had been taken up, and has paused the bucket: those that
        /// tell nothing new are counted in [`AuditEvent::Repeated`] too.
        is_news: bool,
        /// Whose call it was, if that is known.
        org: Option<String>,
        /// The replica that it was told.
        replica: String,
        /// The method and the path of the call, without its query, if they are known: cut off at 200 bytes.
        route: Option<String>,
        /// Who has told the replica, where that is known: cut off at 200 bytes.
        author: Option<String>,
    },
    /// For some time callers were refused or made to wait at a bucket. Told when nobody was for a minute, and of an
    /// episode that goes on once an hour what has come since; an episode is told as over once, perhaps with nothing
    /// that came since.
    ///
    /// Calls are counted when they are granted or refused, each at the bucket that bound it.
    Episode {
        /// The limit's name.
        limit: String,
        /// What of it is counted in the bucket.
        measure: Measure,
        /// Which of its buckets.
        key: String,
        /// When the first call was refused or began to wait, in microseconds since 1970 by the store's clock, to about
        /// a second.
        began_us: u64,
        /// When a replica has last reported a call that was refused or had waited.
        last_us: u64,
        /// Calls that were refused.
        refused: u64,
        /// Calls that were granted after they had waited.
        waits: u64,
        /// For how long together.
        waited: Duration,
        /// The longest of them.
        longest_wait: Duration,
        /// Whether it is over.
        is_over: bool,
    },
    /// Calls were granted of an organisation that the policy names in `record_calls`: told of each that is charged
    /// anywhere, once, by what has charged it. A call that is refused or waits is not told; of these there are
    /// [`AuditEvent::Episode`]s. Nor is what is given back or settled later, nor a call that no limit applies to.
    CallGranted(Box<GrantedCalls>),
    /// An API key was made.
    KeyMade {
        /// Its id.
        id: String,
        /// What it is for.
        role: String,
        /// Whose it is.
        label: String,
        /// From when on it is good for nothing, in microseconds since 1970 by the store's clock; 0 for never.
        expires_at_us: u64,
        /// Who made it.
        author: String,
        /// What for.
        reason: String,
        /// The replica that it was told.
        replica: String,
    },
    /// An API key was revoked.
    KeyRevoked {
        /// Its id.
        id: String,
        /// What it was for.
        role: String,
        /// Whose it was.
        label: String,
        /// Who revoked it.
        author: String,
        /// What for.
        reason: String,
        /// The replica that it was told.
        replica: String,
    },
    /// Something that this version of Tollgate can't read: written by a later one, or by somebody else.
    Unreadable {
        /// What it calls itself.
        kind: String,
    },
}

impl AuditEvent {
    /// What it is about, if this version of Tollgate can read it.
    #[must_use]
    pub fn kind(&self) -> Option<AuditKind> {
        Some(match self {
            Self::PolicyWritten { .. } => AuditKind::Policy,
            Self::PolicyRestored { .. } => AuditKind::Restored,
            Self::LimitLearned { .. } => AuditKind::Learned,
            Self::EpochBegun { .. } => AuditKind::Epoch,
            Self::Paused { .. } => AuditKind::Pause,
            Self::Held { .. } => AuditKind::Hold,
            Self::Resumed { .. } => AuditKind::Resume,
            Self::Cut { .. } => AuditKind::Cut,
            Self::Recovered { .. } => AuditKind::Recovered,
            Self::Lowered { .. } => AuditKind::Lowered,
            Self::Repeated { .. } => AuditKind::Repeated,
            Self::Throttled { .. } => AuditKind::Throttled,
            Self::Episode { .. } => AuditKind::Episode,
            Self::CallGranted(_) => AuditKind::Call,
            Self::KeyMade { .. } => AuditKind::Key,
            Self::KeyRevoked { .. } => AuditKind::Revoked,
            Self::Unreadable { .. } => return None,
        })
    }

    /// The limit that it is about, if it is about one.
    #[must_use]
    pub fn limit(&self) -> Option<&str> {
        match self {
            Self::LimitLearned { limit, .. }
            | Self::Paused { limit, .. }
            | Self::Held { limit, .. }
            | Self::Resumed { limit, .. }
            | Self::Cut { limit, .. }
            | Self::Recovered { limit, .. }
            | Self::Lowered { limit, .. }
            | Self::Repeated { limit, .. }
            | Self::Throttled { limit, .. }
            | Self::Episode { limit, .. } => Some(limit),
            _ => None,
        }
    }

    /// Whether it is about this limit. A granted call is about each that it has passed.
    #[must_use]
    pub fn is_about(&self, limit: &str) -> bool {
        match self {
            Self::CallGranted(granted) => granted.buckets.iter().any(|bucket| bucket.limit == limit),
            _ => self.limit() == Some(limit),
        }
    }

    /// The organisation whose call has brought it about, where that is known.
    #[must_use]
    pub fn org(&self) -> Option<&str> {
        match self {
            Self::Paused { org, .. }
            | Self::Cut { org, .. }
            | Self::Lowered { org, .. }
            | Self::Throttled { org, .. } => org.as_deref(),
            Self::CallGranted(granted) => Some(&granted.org),
            _ => None,
        }
    }
}
