//! Buckets that hold calls up.

use std::collections::BTreeSet;
use std::time::Duration;

use super::facts::Facts;
use super::finding::{Busy, Finding, FindingKind};
use super::words::{in_words, name};
use crate::admin::BucketState;
use crate::audit::{AuditEntry, AuditEvent};
use crate::policy::{Attribute, Measure, Mode};
use crate::waiters::WaitedAt;

/// Organisations that are told of those that have used most.
const BUSIEST: usize = 5;

impl Facts {
    /// What is wrong with buckets: of each bucket the pause, or else who waits or that it is used up; and its pace.
    pub(super) fn of_buckets(&self) -> Vec<Finding> {
        let (mut findings, mut paused) = (Vec::new(), BTreeSet::new());
        let wanted = self.buckets.iter().filter(|bucket| self.concerns(&bucket.limit, &bucket.key));
        for bucket in wanted {
            let place = (bucket.limit.clone(), bucket.measure.suffix(), bucket.key.clone());
            let is_waited_at = self.waiters.contains_key(&place);
            if bucket.mode == Mode::Observe {
                findings.extend((bucket.remaining == 0).then(|| would_refuse(bucket)));
            } else if !bucket.paused_for.is_zero() {
                // All that a limit counts for a key is paused together.
                if paused.insert((&bucket.limit, &bucket.key)) {
                    findings.push(self.paused(bucket));
                }
            } else if bucket.remaining == 0 && !is_waited_at && bucket.measure != Measure::Spacing {
                findings.push(self.used_up(bucket));
            }
            if bucket.pace_percent < 100 {
                findings.push(self.slowed(bucket));
            }
        }
        let waited_at = self.waiters.values().filter(|at| self.concerns(&at.limit, &at.key));
        findings.extend(waited_at.map(|at| self.waiting(at)));
        findings
    }

    fn paused(&self, bucket: &BucketState) -> Finding {
        let by = self.pause_of(&bucket.limit, &bucket.key);
        let (name, left) = (name_of(bucket), in_words(bucket.paused_for));
        let (kind, text) = match by.map(|(_, entry)| &entry.event) {
            Some(AuditEvent::Held { author, reason, .. }) => {
                let why = if reason.is_empty() { String::new() } else { format!(" ({reason})") };
                let what = format!("{name} is paused for {left} more by {author}{why}");
                (FindingKind::PausedByHand, format!("{what}; `tollgate resume` ends it."))
            }
            Some(_) => {
                let what = format!("{name} is paused for {left} more because the provider has said so");
                let advice = "wait, and ask the provider for more or send less if it comes again.";
                (FindingKind::Paused, format!("{what}; {advice}"))
            }
            None => {
                let what = format!("{name} is paused for {left} more, by the provider or by hand");
                (FindingKind::Paused, format!("{what}: the newest entries of the audit trail do not tell."))
            }
        };
        let paused_us = us(bucket.paused_for);
        let mut finding = Finding::of(kind, text).at(&bucket.limit, Some(&bucket.key), Some(bucket.measure));
        finding.since_us = by.map(|(_, entry)| entry.at_us);
        let until_us = self.replicas.now_us.saturating_add(paused_us);
        finding.until_us = Some(by.map_or(until_us, |(until_us, _)| until_us));
        finding.figure("paused_for_ms", paused_us.div_ceil(1_000)).weighing(paused_us)
    }

    /// What the audit trail has of a pause: of those since the last one was ended by hand the one that ends last, which
    /// is in force; with when that is.
    fn pause_of(&self, limit: &str, key: &str) -> Option<(u64, &AuditEntry)> {
        let is_it = |other: &str, of: &str| (other, of) == (limit, key);
        let until = |entry: &AuditEntry| match &entry.event {
            AuditEvent::Paused { limit, key, until_us, .. }
            | AuditEvent::Held { limit, key, until_us, .. } => is_it(limit, key).then_some(*until_us),
            AuditEvent::Lowered { limit, key, resets_in, .. } => {
                is_it(limit, key).then(|| entry.at_us.saturating_add(us(*resets_in)))
            }
            _ => None,
        };
        let is_resumed = |entry: &&AuditEntry| matches!(&entry.event, AuditEvent::Resumed { limit, key, .. } if is_it(limit, key));
        let since = self.entries.iter().take_while(|entry| !is_resumed(entry));
        let told = since.filter_map(|entry| Some((until(entry)?, entry)));
        let goes_on = told.filter(|(until_us, _)| *until_us > self.replicas.now_us);
        goes_on.max_by_key(|(until_us, _)| *until_us)
    }

    fn used_up(&self, bucket: &BucketState) -> Finding {
        let name = name_of(bucket);
        let text = if bucket.measure == Measure::InFlight {
            format!(
                "{name} has as many calls in flight as may be ({}); the next one goes when one is over.",
                bucket.burst
            )
        } else {
            format!(
                "{name} has nothing left; calls that do not wait are refused. Raise it if the provider allows more, or send less."
            )
        };
        let finding = Finding::of(FindingKind::UsedUp, text);
        let mut finding = finding.at(&bucket.limit, Some(&bucket.key), Some(bucket.measure));
        finding.busiest = self.busiest(&bucket.limit);
        finding.figure("burst", bucket.burst).figure("reset_after_ms", us(bucket.reset_after).div_ceil(1_000))
    }

    fn slowed(&self, bucket: &BucketState) -> Finding {
        let percent = bucket.pace_percent;
        let text = format!(
            "{} goes at {percent} % of its rate because the provider has refused calls; it speeds up by itself while it is used. If it stays \
             slow, the limit in the policy is above what the provider allows, or others use the same budget.",
            name_of(bucket)
        );
        let finding = Finding::of(FindingKind::Slowed, text);
        let mut finding = finding.at(&bucket.limit, Some(&bucket.key), Some(bucket.measure));
        finding.since_us = self.entries.iter().find_map(|entry| match &entry.event {
            AuditEvent::Cut { limit, key, .. } if *limit == bucket.limit && *key == bucket.key => {
                Some(entry.at_us)
            }
            _ => None,
        });
        finding.figure("pace_percent", percent.into()).weighing(u64::from(100 - percent))
    }

    fn waiting(&self, at: &WaitedAt) -> Finding {
        let name = name(&at.limit, at.measure, &at.key);
        // One may wait with calls of several priorities.
        let orgs: BTreeSet<&str> = at.orgs.iter().map(|waiting| waiting.org.as_str()).collect();
        let who = match (at.orgs.first(), orgs.len()) {
            (None, _) => String::new(),
            (Some(one), 1) => format!(", {} first", org(&one.org)),
            (Some(one), several) => format!(", {} first of {several}", org(&one.org)),
        };
        let when = at.expected_in.map_or_else(
            || "they go as others are over".to_owned(),
            |expected| format!("all of it can have been granted in {}", in_words(expected)),
        );
        let text = format!(
            "calls wait at {name}: {} tokens are wanted{who}; {when}. It is asked for more than it gives: raise it if the provider allows more, \
             or send less.",
            at.tokens
        );
        let mut finding =
            Finding::of(FindingKind::Waiting, text).at(&at.limit, Some(&at.key), Some(at.measure));
        finding.since_us = Some(at.since_us);
        finding.busiest = self.busiest(&at.limit);
        if let Some(expected) = at.expected_in {
            finding = finding.figure("expected_in_ms", us(expected).div_ceil(1_000));
        }
        finding.figure("tickets", at.tickets).figure("tokens", at.tokens).weighing(at.tokens)
    }

    /// Who has used most lately, where a limit is shared by organisations.
    fn busiest(&self, limit: &str) -> Vec<Busy> {
        let is_shared = self.limit(limit).is_some_and(|limit| !limit.per().contains(&Attribute::Org));
        let counter = self.in_force.policy.counting_per(&Attribute::Org).filter(|_| is_shared);
        let Some(counter) = counter else { return Vec::new() };
        let mut orgs: Vec<Busy> = Vec::new();
        let rows = self.usage.rows.iter().filter(|row| row.limit == counter.name());
        for row in rows.filter(|row| row.measure == Measure::Tokens) {
            let Some(org) = &row.key else { continue };
            let known = orgs.iter().position(|busy| busy.org == *org);
            let place = known.unwrap_or_else(|| {
                orgs.push(Busy { org: org.clone(), granted: 0, tokens: 0 });
                orgs.len() - 1
            });
            orgs[place].granted += row.counts.granted;
            orgs[place].tokens += row.counts.tokens;
        }
        orgs.sort_by(|one, other| (other.tokens, &one.org).cmp(&(one.tokens, &other.org)));
        orgs.truncate(BUSIEST);
        orgs
    }
}

fn would_refuse(bucket: &BucketState) -> Finding {
    let text = format!(
        "{} only observes and has nothing left: in mode \"enforce\" it would refuse calls now. Raise it before it is enforced, or leave it.",
        name_of(bucket)
    );
    let finding = Finding::of(FindingKind::WouldRefuse, text);
    finding.at(&bucket.limit, Some(&bucket.key), Some(bucket.measure)).figure("burst", bucket.burst)
}

fn name_of(bucket: &BucketState) -> String {
    name(&bucket.limit, bucket.measure, &bucket.key)
}

fn org(name: &str) -> &str {
    if name.is_empty() { "calls without an organisation" } else { name }
}

fn us(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
