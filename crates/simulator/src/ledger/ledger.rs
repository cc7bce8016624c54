//! All calls in the order in which they arrived.

use std::sync::Arc;

use super::entry::{Entry, Origin};
use super::record::Record;
use super::selection::Selection;
use crate::limit::Rules;
use crate::outcome::CallId;
use crate::symbols::Symbols;
use crate::time::Time;

/// Every call that a provider has seen. It keeps what was decided and takes nobody's word for it: see
/// [`Ledger::excesses`].
#[derive(Clone, Debug)]
pub struct Ledger {
    pub(crate) rules: Arc<Rules>,
    pub(crate) symbols: Symbols,
    pub(crate) records: Vec<Record>,
}

impl Ledger {
    pub(crate) fn new(rules: Arc<Rules>) -> Self {
        Self { rules, symbols: Symbols::new(), records: Vec::new() }
    }

    pub(crate) fn add(&mut self, record: Record) -> CallId {
        self.records.push(record);
        CallId(self.records.len() - 1)
    }

    pub(crate) fn finish(&mut self, call: CallId, now: Time) {
        if let Some(record) = self.records.get_mut(call.0) {
            record.finished = record.finished.min(now);
        }
    }

    /// All calls, those of others included.
    #[must_use]
    pub fn all(&self) -> Selection<'_> {
        Selection::new(self, self.records.iter().collect())
    }

    /// The calls of whoever calls this provider; not the configured background.
    #[must_use]
    pub fn callers(&self) -> Selection<'_> {
        self.all().only(|entry| entry.origin == Origin::Callers)
    }

    pub(super) fn entry<'a>(&'a self, record: &Record) -> Entry<'a> {
        let text = |symbol| self.symbols.text(symbol);
        let refused_by = record.refused_by.and_then(|limit| self.rules.limits.get(usize::from(limit)));
        Entry {
            at: record.at,
            finished: (record.finished != Time::NEVER).then_some(record.finished),
            org: text(record.key.org),
            client: text(record.key.client),
            token: text(record.key.token),
            user: text(record.key.user),
            method: text(record.method),
            path: text(record.path),
            query: text(record.query),
            cost: record.cost.into(),
            verdict: record.verdict,
            refused_by: refused_by.map(|limit| &limit.name),
            origin: record.origin,
        }
    }
}
