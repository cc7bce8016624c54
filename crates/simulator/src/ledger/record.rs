//! A call as the ledger keeps it: numbers only, so that a million of them are cheap.

use crate::limit::Key;
use crate::outcome::Verdict;
use crate::symbols::Symbol;
use crate::time::Time;

use super::entry::Origin;

/// One call, in 64 bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Record {
    pub(crate) at: Time,
    /// [`Time::NEVER`] while it is in flight.
    pub(crate) finished: Time,
    pub(crate) key: Key,
    pub(crate) method: Symbol,
    pub(crate) path: Symbol,
    pub(crate) query: Symbol,
    /// The most that it counts at any of its limits.
    pub(crate) cost: u32,
    pub(crate) verdict: Verdict,
    pub(crate) origin: Origin,
    /// The limit that refused it, by its place in the rules.
    pub(crate) refused_by: Option<u16>,
}

impl Record {
    /// Whether it counts at this limit, given that calls of its kind pass it. A call that the limit itself has refused
    /// does not; one that another has refused does where the provider is so.
    pub(crate) fn counts_at(&self, limit: usize, refused_counts: bool) -> bool {
        match self.verdict {
            Verdict::Refused => refused_counts && self.refused_by.map(usize::from) != Some(limit),
            verdict => verdict.passed(),
        }
    }

    /// Whether limits have seen it at all.
    pub(crate) fn was_seen(&self) -> bool {
        self.verdict == Verdict::Refused || self.verdict.passed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_stays_small() {
        assert!(size_of::<Record>() <= 64, "{} bytes", size_of::<Record>());
    }
}
