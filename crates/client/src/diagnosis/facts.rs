//! What the store knows, read once for a diagnosis.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::DiagnosisQuery;
use crate::admin::BucketState;
use crate::audit::{AuditEntry, AuditOrder};
use crate::engine::{AuditRead, Streams};
use crate::error::Error;
use crate::gate::Tollgate;
use crate::in_force::InForce;
use crate::policy::Limit;
use crate::replicas::Replicas;
use crate::usage::{Usage, UsageQuery, UsageStep};
use crate::waiters::{WaitedAt, WaitersQuery};

/// Pages of buckets that are looked at, of about 250 fields each.
const PAGES_MOST: usize = 40;

/// Buckets that are used up and nothing else that are kept of them.
const BUCKETS_MOST: usize = 1_000;

/// Entries of the audit trail that are looked at, the newest ones, and how many are read at once.
const READ_MOST: usize = 250;
const ENTRIES_MOST: usize = 1_000;

/// What was used in so many minutes counts as lately.
pub(super) const LATELY_US: u64 = 600_000_000;

/// All that a diagnosis goes by.
pub(super) struct Facts {
    pub(super) query: DiagnosisQuery,
    pub(super) in_force: Arc<InForce>,
    /// When the policy in force was written, by the store's clock.
    pub(super) written_at_us: u64,
    /// Those that are paused, slow or used up.
    pub(super) buckets: Vec<BucketState>,
    /// Where somebody waits, by limit, measure and key.
    pub(super) waiters: BTreeMap<(String, &'static str, String), WaitedAt>,
    pub(super) replicas: Replicas,
    /// The newest first.
    pub(super) entries: Vec<AuditEntry>,
    pub(super) usage: Usage,
    pub(super) is_cut: bool,
}

impl Facts {
    pub(super) async fn gathered(gate: &Tollgate, query: &DiagnosisQuery) -> Result<Self, Error> {
        // By the policy in force, and in a store that knows it.
        gate.check().await?;
        let replicas = gate.replicas().await?;
        let written_at_us = gate.policy().await?.written_at_us;
        let (buckets, are_cut) = wrong_buckets(gate, query).await?;
        // Whoever waits at a bucket that is shared, it is what the others find there.
        let of = WaitersQuery { limit: query.limit.clone(), ..WaitersQuery::default() };
        let waiters = gate.waiters(&of, None).await?;
        let entries = newest_entries(gate).await?;
        let now_us = replicas.now_us;
        let span_us = now_us.saturating_sub(LATELY_US)..now_us;
        let usage = UsageQuery { step: UsageStep::Minute, span_us, ..UsageQuery::default() };
        let usage = gate.usage(&usage).await?;
        let is_cut = are_cut || waiters.next.is_some() || usage.is_cut;
        let place = |at: &WaitedAt| (at.limit.clone(), at.measure.suffix(), at.key.clone());
        let waiters = waiters.buckets.into_iter().map(|at| (place(&at), at)).collect();
        let (query, in_force) = (query.clone(), gate.current().load_full());
        Ok(Self { query, in_force, written_at_us, buckets, waiters, replicas, entries, usage, is_cut })
    }

    /// The limit of that name, if it is in the policy and asked for.
    pub(super) fn limit(&self, name: &str) -> Option<&Limit> {
        let is_wanted = self.query.limit.as_ref().is_none_or(|wanted| wanted == name);
        self.in_force.policy.limits().iter().find(|limit| is_wanted && limit.name() == name)
    }

    /// Whether a bucket is asked for.
    pub(super) fn concerns(&self, limit: &str, key: &str) -> bool {
        let org = self.query.org.as_deref();
        self.limit(limit).is_some_and(|limit| org.is_none_or(|org| limit.is_passed_by(org, key)))
    }
}

/// Those that are asked for and paused, slow or used up, and whether there are more. Those that are only used up are
/// the many: they must not take the place of one that is paused, nor of those of the organisation that is asked for.
async fn wrong_buckets(gate: &Tollgate, query: &DiagnosisQuery) -> Result<(Vec<BucketState>, bool), Error> {
    let (mut wrong, mut is_cut, mut cursor) = (BTreeMap::new(), false, None);
    for _ in 0..PAGES_MOST {
        let page = gate.buckets(query.limit.as_deref(), cursor.as_deref()).await?;
        let in_force = gate.current().load_full();
        for bucket in page.buckets.into_iter().filter(|bucket| concerns(&in_force, query, bucket)) {
            let is_held_back = !bucket.paused_for.is_zero() || bucket.pace_percent < 100;
            if is_held_back || (bucket.remaining == 0 && wrong.len() < BUCKETS_MOST) {
                // One may be on two pages.
                wrong.insert((bucket.limit.clone(), bucket.measure.suffix(), bucket.key.clone()), bucket);
            } else {
                is_cut |= bucket.remaining == 0;
            }
        }
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    Ok((wrong.into_values().collect(), is_cut || cursor.is_some()))
}

/// Whether calls of the organisation that is asked for can pass a bucket.
fn concerns(in_force: &InForce, query: &DiagnosisQuery, bucket: &BucketState) -> bool {
    let passes = |org: &String| {
        in_force.policy.limit(&bucket.limit).is_some_and(|limit| limit.is_passed_by(org, &bucket.key))
    };
    query.org.as_ref().is_none_or(passes)
}

/// What the audit trail has of the namespace itself. What it has of calls would push that out.
async fn newest_entries(gate: &Tollgate) -> Result<Vec<AuditEntry>, Error> {
    let mut entries: Vec<AuditEntry> = Vec::new();
    while entries.len() < ENTRIES_MOST {
        let last = entries.last().map(|entry| entry.id.previous());
        let (order, streams) = (AuditOrder::NewestFirst, Streams::Namespace);
        let read = AuditRead { first: None, last, count: READ_MOST, order, streams };
        let reply = gate.keeper().library().audit(&read).await?;
        let read_all = reply.entries.len() < READ_MOST;
        entries.extend(reply.entries);
        if read_all {
            break;
        }
    }
    Ok(entries)
}
