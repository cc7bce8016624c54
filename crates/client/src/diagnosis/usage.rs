//! Who was refused lately, by the books.

use std::collections::BTreeMap;
use std::time::Duration;

use super::facts::Facts;
use super::finding::{Finding, FindingKind};
use super::words::{in_words, name};
use crate::engine::UsageCounts;
use crate::policy::Measure;

/// Findings of a kind, the heaviest ones.
const MOST: usize = 20;

impl Facts {
    /// Buckets at which calls were refused in the minutes that are in the books, by Tollgate or by the provider.
    pub(super) fn of_usage(&self) -> Vec<Finding> {
        let mut sums: BTreeMap<(&str, &str, Option<&str>), (Measure, UsageCounts)> = BTreeMap::new();
        for row in &self.usage.rows {
            let is_wanted = match &row.key {
                Some(key) => self.concerns(&row.limit, key),
                // Of all others together it is not known whose it is.
                None => self.query.org.is_none() && self.limit(&row.limit).is_some(),
            };
            if is_wanted {
                let place = (row.limit.as_str(), row.measure.suffix(), row.key.as_deref());
                sums.entry(place).or_insert((row.measure, UsageCounts::default())).1.add(&row.counts);
            }
        }
        let mut findings = Vec::new();
        for kind in [FindingKind::Throttled, FindingKind::Refused] {
            let of_kind = sums.iter().filter_map(|(&(limit, _, key), (measure, counts))| {
                let finding = if kind == FindingKind::Refused { refused } else { throttled };
                let place = key
                    .map_or_else(|| format!("other keys of limit {limit}"), |key| name(limit, *measure, key));
                Some(finding(&place, counts)?.at(limit, key, Some(*measure)))
            });
            let mut of_kind: Vec<Finding> = of_kind.collect();
            of_kind.sort_by(|one, other| one.order().cmp(&other.order()));
            of_kind.truncate(MOST);
            findings.extend(of_kind);
        }
        findings
    }
}

fn refused(place: &str, counts: &UsageCounts) -> Option<Finding> {
    if counts.refused == 0 {
        return None;
    }
    let text = format!(
        "{place}: {} calls were refused in the last minutes, {} were granted, and {} of these waited, for up to {}. Raise the limit if the \
         provider allows more, let callers wait longer, or send less.",
        counts.refused,
        counts.granted,
        counts.waits,
        in_words(Duration::from_micros(counts.longest_us)),
    );
    let finding = Finding::of(FindingKind::Refused, text).figure("refused", counts.refused);
    let finding = finding.figure("granted", counts.granted).figure("waited", counts.waits);
    Some(finding.figure("longest_wait_us", counts.longest_us).weighing(counts.refused))
}

fn throttled(place: &str, counts: &UsageCounts) -> Option<Finding> {
    if counts.throttled == 0 {
        return None;
    }
    let text = format!(
        "{place}: the provider has refused {} calls in the last minutes. The limit in the policy is above what it allows, others use the same \
         budget, or calls pass Tollgate by.",
        counts.throttled
    );
    let finding = Finding::of(FindingKind::Throttled, text).figure("throttled", counts.throttled);
    Some(finding.figure("granted", counts.granted).weighing(counts.throttled))
}
