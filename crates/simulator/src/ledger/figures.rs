//! Figures: how much of a limit was used, how often it refused, how evenly it was shared.

use std::ops::Range;

use super::ledger::Ledger;
use super::scope::Scope;
use super::selection::Selection;
use crate::limit::LimitName;
use crate::time::{Time, micros};

impl Ledger {
    /// The share of a limit's true capacity that passed within an interval, by anybody: 1 is all of it. The capacity is
    /// the value over the window, with the changes that were scheduled, and without what a load takes off it. Nothing
    /// where the limit is unknown, or counts calls in flight.
    #[must_use]
    pub fn utilisation(&self, scope: &Scope, interval: &Range<Time>) -> f64 {
        let Some(limit) = self.rules.find(&scope.limit).map(|index| &self.rules.limits[index]) else {
            return 0.0;
        };
        let passing = self.all().at(scope).during(interval.clone());
        let passed = passing.records().iter().filter(|record| record.verdict.passed());
        let used: u64 = passed.map(|record| limit.cost_of(self.symbols.text(record.query))).sum();
        let capacity = limit.values.of(|| scope.key.clone()).sum(interval);
        let window = u128::from(micros(limit.window));
        if capacity == 0 { 0.0 } else { real(u128::from(used) * window) / real(capacity) }
    }
}

impl Selection<'_> {
    /// How many of these calls the limit refused in each of its windows since the start, one beside the other, up to
    /// the last in which it refused any.
    #[must_use]
    pub fn refused_per_window(&self, limit: &LimitName) -> Vec<u64> {
        let rules = &self.ledger().rules;
        let Some(index) = rules.find(limit) else { return Vec::new() };
        let window = micros(rules.limits[index].window).max(1);
        let mut counts = Vec::new();
        for record in self.records().iter().filter(|record| record.refused_by.map(usize::from) == Some(index))
        {
            let number = usize::try_from(record.at.as_micros() / window).unwrap_or(usize::MAX);
            // Windows of calls in flight have no length; what would be millions of windows is told as none.
            if number < WINDOWS_MAX {
                counts.resize(counts.len().max(number + 1), 0);
                counts[number] += 1;
            }
        }
        counts
    }
}

/// Most windows that are told one by one: two years of minutes.
const WINDOWS_MAX: usize = 1 << 20;

/// Jain's index of shares: 1 where all are equal, one in their number where one has everything; 1 also where nobody has
/// anything.
#[must_use]
pub fn jain(shares: impl IntoIterator<Item = u64>) -> f64 {
    let (mut count, mut sum, mut squares) = (0_u128, 0_u128, 0_u128);
    for share in shares.into_iter().map(u128::from) {
        (count, sum, squares) = (count + 1, sum + share, squares + share * share);
    }
    if squares == 0 { 1.0 } else { real(sum) * real(sum) / (real(count) * real(squares)) }
}

#[expect(clippy::cast_precision_loss, reason = "a figure of four digits is wanted")]
fn real(number: u128) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_index_is_one_for_equal_shares_and_small_for_a_greedy_one() {
        let near = |index: f64, expected: f64| (index - expected).abs() < 1e-12;
        assert!(near(jain([7, 7, 7, 7]), 1.0));
        assert!(near(jain([12, 0, 0, 0]), 0.25));
        assert!(near(jain([]), 1.0) && near(jain([0, 0]), 1.0));
    }
}
