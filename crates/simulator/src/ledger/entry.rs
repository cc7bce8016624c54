//! A call in the ledger, in words.

use crate::limit::LimitName;
use crate::outcome::Verdict;
use crate::time::Time;

/// One call that arrived.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// When it arrived.
    pub at: Time,
    /// When it was over; `None` while it is in flight.
    pub finished: Option<Time>,
    /// For which organisation.
    pub org: &'a str,
    /// From which OAuth client.
    pub client: &'a str,
    /// With which token.
    pub token: &'a str,
    /// On behalf of which user.
    pub user: &'a str,
    /// Its method.
    pub method: &'a str,
    /// Its path, without the query.
    pub path: &'a str,
    /// Its query.
    pub query: &'a str,
    /// The most that it counts at any of its limits.
    pub cost: u64,
    /// What was decided.
    pub verdict: Verdict,
    /// The limit that refused it.
    pub refused_by: Option<&'a LimitName>,
    /// Who sent it.
    pub origin: Origin,
}

/// Who sent a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Origin {
    /// Whoever calls this provider.
    Callers,
    /// The configured other consumers, in the background.
    Others,
}
