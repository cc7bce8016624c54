//! What is wrong with the fleet, the store and the policy.

use std::time::Duration;

use super::facts::{Facts, LATELY_US};
use super::finding::{Finding, FindingKind};
use super::words::in_words;
use crate::replicas::{EVERY, ReplicaSeen};

/// A replica that has not said for so long that it lives has missed two times.
const SILENT: Duration = EVERY.saturating_mul(3);

/// A replica hears of another policy with its next call, or with the sweep, by then.
const HEARD: Duration = Duration::from_secs(15);

/// The books are mostly a minute and a half behind.
const LATE_US: u64 = 300_000_000;

const DAY_US: u64 = 86_400_000_000;

impl Facts {
    /// What holds up all calls, whoever's they are.
    pub(super) fn of_the_fleet(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        findings.extend(self.epoch_began());
        findings.extend(self.books_late());
        for replica in &self.replicas.replicas {
            findings.extend(self.silent(replica).or_else(|| self.other_policy(replica)));
        }
        findings
    }

    fn ago_us(&self, at_us: u64) -> u64 {
        self.replicas.now_us.saturating_sub(at_us)
    }

    fn epoch_began(&self) -> Option<Finding> {
        let began_us = self.replicas.epoch_began_us;
        if began_us == 0 || self.ago_us(began_us) > LATELY_US {
            return None;
        }
        let text = format!(
            "the counters of the store began empty {} ago: the namespace is new, or its state was lost, as with a restart or a failover. \
             Buckets fill up at their rates; look at the store if nobody has restarted it.",
            ago(self.ago_us(began_us))
        );
        let mut finding = Finding::of(FindingKind::EpochBegan, text);
        finding.since_us = Some(began_us);
        Some(finding)
    }

    fn books_late(&self) -> Option<Finding> {
        let until_us = self.usage.complete_until_us;
        // Not known in a namespace that is new.
        if until_us == 0 || self.ago_us(until_us) <= LATE_US {
            return None;
        }
        let late_us = self.ago_us(until_us);
        let text = format!(
            "what was used in the last {} is not all in the books yet: nobody has swept the store for long, or it has too many buckets for that.",
            ago(late_us)
        );
        let mut finding = Finding::of(FindingKind::BooksLate, text);
        finding.since_us = Some(until_us);
        Some(finding.figure("late_ms", late_us / 1_000))
    }

    fn silent(&self, replica: &ReplicaSeen) -> Option<Finding> {
        let silent_us = self.ago_us(replica.seen_us);
        if Duration::from_micros(silent_us) < SILENT {
            return None;
        }
        let text = format!(
            "{} has not said for {} that it lives: it was killed, or does not reach the store. Look at its log.",
            name(replica),
            ago(silent_us)
        );
        let finding = self.about(FindingKind::Silent, replica, text);
        Some(finding.figure("silent_ms", silent_us / 1_000).weighing(silent_us))
    }

    /// Only of a replica that has said what it holds when it should have heard of the policy long since.
    fn other_policy(&self, replica: &ReplicaSeen) -> Option<Finding> {
        let known_us = replica.seen_us.saturating_sub(self.written_at_us);
        if replica.policy == self.replicas.policy || Duration::from_micros(known_us) < HEARD {
            return None;
        }
        let text = format!(
            "{} holds another policy ({}) than the one in force ({}): it can't take that up. Look at its log; it may be too old a version.",
            name(replica),
            replica.policy,
            self.replicas.policy
        );
        Some(self.about(FindingKind::OtherPolicy, replica, text))
    }

    fn about(&self, kind: FindingKind, replica: &ReplicaSeen, text: String) -> Finding {
        let mut finding = Finding::of(kind, text);
        finding.replica = Some(replica.id.clone());
        finding.since_us =
            Some(if kind == FindingKind::Silent { replica.seen_us } else { self.written_at_us });
        finding
    }

    /// What is to be known of the policy: limits that nobody has adopted, and overrides that end soon.
    pub(super) fn of_the_policy(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        let limits = self.in_force.policy.limits().iter();
        for limit in limits.filter(|limit| self.limit(limit.name()).is_some()) {
            if limit.is_learned() {
                let text = format!(
                    "limit {} was learned from the provider and nobody has adopted it: write it into the policy with what the provider allows.",
                    limit.name()
                );
                findings.push(Finding::of(FindingKind::Learned, text).at(limit.name(), None, None));
            }
            for (key, until_us) in limit.ending_overrides() {
                let left_us = until_us.saturating_sub(self.replicas.now_us);
                if left_us > DAY_US || !self.concerns(limit.name(), key) {
                    continue;
                }
                let text = format!(
                    "the override of {key} at limit {} ends in {}: {key} is then as the limit says. Set it anew if it is to stay.",
                    limit.name(),
                    ago(left_us)
                );
                let finding = Finding::of(FindingKind::OverrideEnds, text);
                let mut finding = finding.at(limit.name(), Some(key), None).weighing(DAY_US - left_us);
                finding.until_us = Some(until_us);
                findings.push(finding);
            }
        }
        findings
    }
}

fn name(replica: &ReplicaSeen) -> String {
    let host = replica.host.as_deref().unwrap_or("an unnamed machine");
    format!("the replica {} (process {} on {host})", replica.id, replica.process)
}

fn ago(us: u64) -> String {
    in_words(Duration::from_micros(us))
}
