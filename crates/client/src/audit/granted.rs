//! Granted calls of an organisation whose calls are told one by one.

use crate::call::Priority;
use crate::policy::Measure;

/// Equal calls that were granted at once.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct GrantedCalls {
    /// Whose they are.
    pub org: String,
    /// The OAuth client, if they name one.
    pub client: Option<String>,
    /// The method and the path, without the query: cut off at 200 bytes.
    pub route: String,
    /// Tokens that each costs by its own account.
    pub cost: u32,
    /// How urgent they were.
    pub priority: Priority,
    /// The name of the caller's own under which it was asked for, if it has one.
    pub request_id: Option<String>,
    /// How many equal calls these are, granted at once.
    pub calls: u64,
    /// The buckets that each has passed, in the order of the policy: of very long names only the first ones.
    pub buckets: Vec<ChargedBucket>,
    /// How many more there are.
    pub untold: u64,
    /// The replica that was told.
    pub replica: String,
}

/// A bucket that a granted call has passed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChargedBucket {
    /// The limit's name.
    pub limit: String,
    /// What of it is counted in the bucket.
    pub measure: Measure,
    /// Which of its buckets.
    pub key: String,
    /// What a call costs there, in tokens. An observed limit is charged only as far as it goes.
    pub cost: u32,
}
