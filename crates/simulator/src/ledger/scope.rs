//! One key of one limit.

use std::fmt;

use crate::limit::LimitName;

/// A limit and one key that it counts: the values in the order of its `per`, joined by commas; empty for a limit over
/// everything.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Scope {
    pub(crate) limit: LimitName,
    pub(crate) key: String,
}

impl Scope {
    /// The key of a limit.
    #[must_use]
    pub fn new(limit: LimitName, key: &str) -> Self {
        Self { limit, key: key.to_owned() }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} of {:?}", self.limit, self.key)
    }
}
