//! What callers are told that is counted in the store.

/// What callers were told of a bucket since the last batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Calls that were refused.
    pub refused: u64,
    /// Calls that were granted after they had waited.
    pub waits: u64,
    /// For how long together, in microseconds.
    pub waited_us: u64,
    /// The longest of them, in microseconds.
    pub longest_us: u64,
}

impl Report {
    /// Adds what was told elsewhere.
    pub fn add(&mut self, other: &Self) {
        self.refused += other.refused;
        self.waits += other.waits;
        self.waited_us = self.waited_us.saturating_add(other.waited_us);
        self.longest_us = self.longest_us.max(other.longest_us);
    }
}
