//! All that a limiter counts, in one place that is its own: two limiters of a process do not mix their numbers.

use super::acquires::Acquires;
use super::histogram::{BATCHES, Histogram};
use super::limits::Limits;
use super::permits::Corrections;

/// What is counted of a limiter, but for the calls of its store, which counts them itself.
#[derive(Debug)]
pub(crate) struct Meters {
    pub(crate) acquires: Acquires,
    pub(crate) limits: Limits,
    pub(crate) corrections: Corrections,
    /// How many calls went to the store together.
    pub(crate) batches: Histogram,
}

impl Default for Meters {
    fn default() -> Self {
        Self {
            acquires: Acquires::default(),
            limits: Limits::default(),
            corrections: Corrections::default(),
            batches: Histogram::new(&BATCHES),
        }
    }
}
