//! The ledger in short, as JSON.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::ledger::{Excess, Ledger};
use crate::outcome::Verdict;
use crate::time::Time;

/// Most excesses that are listed. One is one too many.
const EXCESSES_MAX: usize = 20;

pub(super) fn summary(ledger: &Ledger, now: Time) -> Value {
    let callers = ledger.callers();
    let mut verdicts: BTreeMap<&str, u64> = BTreeMap::new();
    let mut refused_by: BTreeMap<String, u64> = BTreeMap::new();
    for entry in callers.entries() {
        *verdicts.entry(word(entry.verdict)).or_default() += 1;
        if let Some(limit) = entry.refused_by {
            *refused_by.entry(limit.to_string()).or_default() += 1;
        }
    }
    let excesses = ledger.excesses();
    let listed: Vec<Value> = excesses.iter().take(EXCESSES_MAX).map(excess).collect();
    let arrivals = callers.count();
    json!({
        "now_us": now.as_micros(),
        "arrivals": arrivals,
        "others": ledger.all().count() - arrivals,
        "verdicts": verdicts,
        "refused_by": refused_by,
        "done_by_org": callers.done().by_org(),
        "excess_count": excesses.len(),
        "excesses": listed,
    })
}

fn excess(excess: &Excess) -> Value {
    json!({
        "limit": excess.scope.limit.to_string(),
        "key": excess.scope.key,
        "at_us": excess.at.as_micros(),
        "held": excess.held,
        "allowed": excess.allowed,
    })
}

fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Done => "done",
        Verdict::Refused => "refused",
        Verdict::Unauthorized => "unauthorized",
        Verdict::Failed(_) => "failed",
        Verdict::FailedLate(_) => "failed_late",
    }
}
