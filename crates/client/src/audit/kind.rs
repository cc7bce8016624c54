//! What an entry of the audit trail is about, in one word.

use std::fmt;
use std::str::FromStr;

use crate::engine::Streams;

/// What an entry of the audit trail is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AuditKind {
    /// A policy was put into force.
    Policy,
    /// The store had lost a policy, and a replica gave it back.
    Restored,
    /// The policy has learned a limit of the provider.
    Learned,
    /// The state was lost, or may have been: buckets began empty.
    Epoch,
    /// The provider refused a call, and a bucket was paused.
    Pause,
    /// An operator paused a bucket.
    Hold,
    /// An operator ended the pause of a bucket.
    Resume,
    /// The pace of a bucket was cut.
    Cut,
    /// A bucket goes at all of its rate again after a cut.
    Recovered,
    /// A bucket was lowered to what the provider said was left.
    Lowered,
    /// Refusals and lowerings that told nothing new, counted.
    Repeated,
    /// The provider refused a call.
    Throttled,
    /// Callers were refused or made to wait at a bucket, counted.
    Episode,
    /// An API key was made.
    Key,
    /// An API key was revoked.
    Revoked,
}

/// A text that is no kind of entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "no kind of entry, expected policy, restored, learned, epoch, pause, hold, resume, cut, recovered, lowered, repeated, throttled, episode, key or revoked"
)]
pub struct NoAuditKind;

impl AuditKind {
    /// Every kind.
    pub const ALL: [Self; 15] = [
        Self::Policy,
        Self::Restored,
        Self::Learned,
        Self::Epoch,
        Self::Pause,
        Self::Hold,
        Self::Resume,
        Self::Cut,
        Self::Recovered,
        Self::Lowered,
        Self::Repeated,
        Self::Throttled,
        Self::Episode,
        Self::Key,
        Self::Revoked,
    ];

    /// As the store, the HTTP API and the command line have it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Policy => "policy",
            Self::Restored => "restored",
            Self::Learned => "learned",
            Self::Epoch => "epoch",
            Self::Pause => "pause",
            Self::Hold => "hold",
            Self::Resume => "resume",
            Self::Cut => "cut",
            Self::Recovered => "recovered",
            Self::Lowered => "lowered",
            Self::Repeated => "repeated",
            Self::Throttled => "throttled",
            Self::Episode => "episode",
            Self::Key => "key",
            Self::Revoked => "revoked",
        }
    }
}

impl AuditKind {
    /// Where it is told.
    pub(crate) fn streams(self) -> Streams {
        match self {
            Self::Throttled | Self::Episode => Streams::Calls,
            _ => Streams::Namespace,
        }
    }
}

impl fmt::Display for AuditKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for AuditKind {
    type Err = NoAuditKind;

    fn from_str(text: &str) -> Result<Self, NoAuditKind> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or(NoAuditKind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_read_as_it_is_written_and_named_in_the_error() {
        for kind in AuditKind::ALL {
            assert_eq!(kind.as_str().parse(), Ok(kind));
            assert!(NoAuditKind.to_string().contains(kind.as_str()), "{kind}");
        }
        assert_eq!("Policy".parse::<AuditKind>(), Err(NoAuditKind));
    }
}
