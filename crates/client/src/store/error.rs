//! What can go wrong between a replica and its store.

use std::sync::Arc;
use std::time::Duration;

use crate::engine::{Malformed, Script};

/// Why the store did not do what it was asked. No message holds a password.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// No connection, or it broke.
    #[error("the store at {address} can't be reached")]
    Unreachable {
        /// Host and port, or the socket's path.
        address: String,
        /// What the connection said.
        source: Arc<dyn std::error::Error + Send + Sync>,
    },
    /// No answer in time. The script may have run.
    #[error("the store did not answer within {} ms", .after.as_millis())]
    Timeout {
        /// How long it was waited for.
        after: Duration,
    },
    /// The user or the password is wrong, or missing.
    #[error("the store at {address} refuses the user or the password: {detail}")]
    Unauthorized {
        /// Host and port, or the socket's path.
        address: String,
        /// The server's words.
        detail: String,
    },
    /// The server refuses the connection for another reason, such as a database that it does not have.
    #[error("the store at {address} refuses the connection: {detail}")]
    Refused {
        /// Host and port, or the socket's path.
        address: String,
        /// The server's words.
        detail: String,
    },
    /// The user may not run a command that is needed.
    #[error("the store's user lacks a permission: {detail}; docs/OPERATIONS.md lists the commands it needs")]
    Forbidden {
        /// The server's words.
        detail: String,
    },
    /// The server is older than what the scripts were tested on.
    #[error("the store at {address} is Redis {version}; Redis 6.2, Valkey 8 or newer is needed")]
    TooOld {
        /// Host and port, or the socket's path.
        address: String,
        /// What the server says it is.
        version: String,
    },
    /// The server takes no writes: a read-only replica, out of memory, or a disk that is full.
    #[error("the store takes no writes: {detail}")]
    NotWritable {
        /// The server's words, with their code.
        detail: String,
    },
    /// A stored record was written by another version of Tollgate.
    #[error("the store holds records of another version of tollgate: {detail}")]
    Schema {
        /// Which record.
        detail: String,
    },
    /// The key of the namespace's audit trail holds something that is no audit trail. Nothing was written.
    #[error("the store holds something else in the place of the audit trail: {detail}")]
    NoAuditTrail {
        /// Which key, and what is wrong with it.
        detail: String,
    },
    /// A script failed, which nothing that a caller does should bring about.
    #[error("the script {script} failed: {detail}")]
    Script {
        /// Its name.
        script: &'static str,
        /// What it, or the server, said.
        detail: String,
    },
    /// A script answered what it does not promise, or for a batch that is over.
    #[error("the script {script} gave no usable answer: {detail}")]
    Answer {
        /// Its name.
        script: &'static str,
        /// What was wrong.
        detail: String,
    },
}

impl StoreError {
    pub(crate) fn answer(script: &Script, error: &Malformed) -> Self {
        Self::Answer { script: script.name(), detail: error.to_string() }
    }

    pub(crate) fn superseded(script: &Script) -> Self {
        Self::Answer { script: script.name(), detail: "a later batch has taken its place".to_owned() }
    }

    /// As whoever has waited for so long is told: the last of several tries alone took less time.
    pub(crate) fn waited(self, after: Duration) -> Self {
        if matches!(self, Self::Timeout { .. }) { Self::Timeout { after } } else { self }
    }

    /// Whether the script may have run although there is no answer. Such a call is repeated under the same number.
    pub(crate) fn is_unanswered(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::Timeout { .. })
    }

    /// Whether no call of whatever kind would do better now: nobody answers, nobody is let in, or nothing can be
    /// written.
    pub(crate) fn is_outage(&self) -> bool {
        let is_closed = matches!(
            self,
            Self::Unauthorized { .. } | Self::Refused { .. } | Self::TooOld { .. } | Self::NotWritable { .. }
        );
        is_closed || self.is_unanswered()
    }
}
