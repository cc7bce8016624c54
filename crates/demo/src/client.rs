//! The three ways to call.

use std::fmt;

use serde::Serialize;

/// How the replicas of a fleet keep to the provider's limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Client {
    /// They send, and when they are refused they wait, for as long as the provider says and a little longer.
    RetryOnly,
    /// The same, behind a token bucket in each process that has its share of the quota that is known.
    PerProcess,
    /// They ask Tollgate, and tell it what they were answered.
    Tollgate,
}

impl Client {
    /// In the order in which they are shown.
    pub const ALL: [Self; 3] = [Self::RetryOnly, Self::PerProcess, Self::Tollgate];
}

impl fmt::Display for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::RetryOnly => "retry-only",
            Self::PerProcess => "per-process",
            Self::Tollgate => "tollgate",
        })
    }
}
