//! Some of the calls in a ledger, and how many they are.

use std::collections::BTreeMap;
use std::ops::Range;

use super::entry::Entry;
use super::figures::jain;
use super::ledger::Ledger;
use super::record::Record;
use super::scope::Scope;
use crate::limit::LimitName;
use crate::outcome::Verdict;
use crate::time::Time;

/// Calls in the order in which they arrived.
#[derive(Clone, Debug)]
pub struct Selection<'a> {
    ledger: &'a Ledger,
    records: Vec<&'a Record>,
}

impl<'a> Selection<'a> {
    pub(super) fn new(ledger: &'a Ledger, records: Vec<&'a Record>) -> Self {
        Self { ledger, records }
    }

    /// Those of them that are so.
    #[must_use]
    pub fn only(mut self, is_so: impl Fn(&Entry<'a>) -> bool) -> Self {
        let ledger = self.ledger;
        self.records.retain(|record| is_so(&ledger.entry(record)));
        self
    }

    /// Those that arrived in an interval, its end excluded.
    #[must_use]
    pub fn during(mut self, interval: Range<Time>) -> Self {
        self.records.retain(|record| interval.contains(&record.at));
        self
    }

    /// Those of an organisation.
    #[must_use]
    pub fn org(self, org: &str) -> Self {
        self.only(|entry| entry.org == org)
    }

    /// Those of an OAuth client.
    #[must_use]
    pub fn client(self, client: &str) -> Self {
        self.only(|entry| entry.client == client)
    }

    /// Those that a limit counts for this key. An unknown limit counts none.
    #[must_use]
    pub fn at(mut self, scope: &Scope) -> Self {
        let Ledger { rules, symbols, .. } = self.ledger;
        let Some(limit) = rules.find(&scope.limit).map(|index| &rules.limits[index]) else {
            self.records.clear();
            return self;
        };
        self.records.retain(|record| {
            limit.counts(symbols.text(record.method), symbols.text(record.path))
                && record.key.only(&limit.per).text(&limit.per, symbols) == scope.key
        });
        self
    }

    /// Those that were done.
    #[must_use]
    pub fn done(mut self) -> Self {
        self.records.retain(|record| record.verdict == Verdict::Done);
        self
    }

    /// Those that a limit refused.
    #[must_use]
    pub fn refused(mut self) -> Self {
        self.records.retain(|record| record.verdict == Verdict::Refused);
        self
    }

    /// Those that this limit refused.
    #[must_use]
    pub fn refused_by(self, limit: &LimitName) -> Self {
        self.only(|entry| entry.refused_by == Some(limit))
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.records.len() as u64
    }

    /// The calls themselves.
    pub fn entries(&self) -> impl Iterator<Item = Entry<'a>> {
        self.records.iter().map(|record| self.ledger.entry(record))
    }

    /// How many there are of each organisation that has any.
    #[must_use]
    pub fn by_org(&self) -> BTreeMap<&'a str, u64> {
        let mut counts = BTreeMap::new();
        for record in &self.records {
            *counts.entry(self.ledger.symbols.text(record.key.org)).or_insert(0) += 1;
        }
        counts
    }

    /// Jain's index over these organisations: 1 where all have as many, towards 0 the less fair it is. One that has
    /// none counts with 0, so they are named.
    #[must_use]
    pub fn jain(&self, orgs: &[&str]) -> f64 {
        let counts = self.by_org();
        jain(orgs.iter().map(|org| counts.get(org).copied().unwrap_or(0)))
    }

    pub(super) fn records(&self) -> &[&'a Record] {
        &self.records
    }

    pub(super) fn ledger(&self) -> &'a Ledger {
        self.ledger
    }
}
