//! How far a run has come, for whoever watches.

use std::time::Duration;

use crate::client::Client;

/// A run, so long after its beginning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// Whose it is; none before the first.
    pub client: Option<Client>,
    /// Since its beginning.
    pub passed: Duration,
    /// How long it is judged. It may go on for half as long again, until every click has its answer and every
    /// organisation its batch.
    pub length: Duration,
    /// Calls that are done.
    pub done: u64,
    /// Calls that the provider has refused.
    pub refused: u64,
}
