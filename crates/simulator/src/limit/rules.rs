//! All limits of a provider, and which of them a call passes.

use super::limit::Limit;
use super::name::LimitName;

/// What decides about calls, and what their ledger is judged by.
#[derive(Clone, Debug)]
pub(crate) struct Rules {
    pub(crate) limits: Vec<Limit>,
    /// Whether a refused call counts at the limits that did not refuse it.
    pub(crate) refused_counts: bool,
}

/// A limit that calls of a route pass, and what each of them counts there.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Passage {
    pub(crate) limit: usize,
    pub(crate) cost: u64,
}

impl Rules {
    pub(crate) fn passages(&self, method: &str, path: &str, query: &str) -> Vec<Passage> {
        let counting = self.limits.iter().enumerate().filter(|(_, limit)| limit.counts(method, path));
        counting.map(|(index, limit)| Passage { limit: index, cost: limit.cost_of(query) }).collect()
    }

    pub(crate) fn find(&self, name: &LimitName) -> Option<usize> {
        self.limits.iter().position(|limit| limit.name == *name)
    }
}
