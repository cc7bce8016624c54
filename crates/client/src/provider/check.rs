//! From the document of an adapter to the adapter: every field checked, all problems gathered.

use super::adapter::{Adapter, ThrottledRule};
use super::backoff::Backoff;
use super::built_in;
use super::condition::Condition;
use super::document::{AdapterDocument, Executed, ThrottledDocument};
use super::named::Named;
use super::quota::QuotaRule;
use super::reading::Execution;
use super::source::{Source, Use};
use super::wait::WaitRule;
use crate::policy::{Problems, Wrong, check_name};
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::sync::Arc;

/// Most entries of each list.
const ENTRIES_MAX: usize = 32;
/// How much of a body is looked at, in bytes: by default 64 KiB, in which every known answer to a throttled call fits.
const BODY_BYTES: u64 = 64 << 10;
const BODY_BYTES_RANGE: RangeInclusive<u64> = 1 << 10..=1 << 20;
const STATUS_RANGE: RangeInclusive<u16> = 100..=999;

/// The adapter of a policy: that of its `adapter` table, or the one built in that `provider` names, or `generic`.
pub(crate) fn of_policy(
    provider: Option<&str>,
    document: Option<&AdapterDocument>,
    problems: &mut Problems,
) -> Option<Arc<Adapter>> {
    let Some(document) = document else {
        let name = provider.unwrap_or("generic");
        let expected = format!("one of {}, or an [adapter] that describes it", built_in::names());
        let found = built_in::find(name).ok_or_else(|| Wrong::text(name, expected));
        return problems.take("provider", found);
    };
    if let Some(name) = provider {
        problems.take("provider", own_name(name));
    }
    let parent = match document.extends.as_deref() {
        Some(name) => {
            let expected = format!("one of {}", built_in::names());
            let found = built_in::document(name).ok_or_else(|| Wrong::text(name, expected));
            problems.take("adapter.extends", found)?
        }
        None => AdapterDocument::default(),
    };
    adapter(provider.unwrap_or("custom"), &document.clone().over(parent), problems).map(Arc::new)
}

/// Checks the name of an adapter that a policy describes.
fn own_name(name: &str) -> Result<(), Wrong> {
    check_name(name)?;
    if built_in::find(name).is_some() {
        let expected = "another name beside an [adapter]: what that is built on, its field extends says";
        return Err(Wrong::text(name, expected));
    }
    Ok(())
}

/// Checks a document that extends nothing, or already has what it extends.
pub(super) fn adapter(name: &str, document: &AdapterDocument, problems: &mut Problems) -> Option<Adapter> {
    let AdapterDocument { throttled, wait, backoff, limit, quota, cost, body_bytes_max, extends: _ } =
        document;
    let throttled = rows(throttled.as_deref(), "throttled", problems, throttled_rule);
    if throttled.as_ref().is_some_and(Vec::is_empty) {
        let expected = "at least one, such as { status = [429] }";
        problems.add(Wrong::plain("no entry", expected).at("adapter.throttled"));
    }
    let waits = rows(wait.as_deref(), "wait", problems, WaitRule::check);
    let quotas = rows(quota.as_deref(), "quota", problems, QuotaRule::check);
    let steps = backoff.as_deref().unwrap_or_default();
    problems.take("adapter.backoff", within(&steps.len(), 0..=ENTRIES_MAX, "entries"));
    let backoff = Backoff::check(steps, "adapter.backoff", problems);
    let limit = limit.as_ref().map(|limit| Named::check(limit, "adapter.limit", problems));
    let cost = cost.as_ref().map(|cost| Source::check(cost.written(), Use::Value, "adapter.cost", problems));
    let body_bytes = body_bytes_max.unwrap_or(BODY_BYTES);
    problems.take("adapter.body_bytes_max", within(&body_bytes, BODY_BYTES_RANGE, "bytes"));
    Some(Adapter {
        name: name.to_owned(),
        throttled: throttled?,
        waits: waits?,
        backoff: backoff?,
        limit: limit.flatten(),
        quotas: quotas?,
        cost: cost.flatten(),
        body_bytes_max: usize::try_from(body_bytes).ok()?,
    })
}

/// Checks the entries of a list.
fn rows<D, T>(
    documents: Option<&[D]>,
    name: &str,
    problems: &mut Problems,
    check: fn(&D, &str, &mut Problems) -> Option<T>,
) -> Option<Vec<T>> {
    let documents = documents.unwrap_or_default();
    problems.take(format!("adapter.{name}"), within(&documents.len(), 0..=ENTRIES_MAX, "entries"))?;
    let mut checked = Vec::with_capacity(documents.len());
    for (index, document) in documents.iter().enumerate() {
        checked.push(check(document, &format!("adapter.{name}[{index}]"), problems));
    }
    checked.into_iter().collect()
}

fn throttled_rule(
    document: &ThrottledDocument,
    field: &str,
    problems: &mut Problems,
) -> Option<ThrottledRule> {
    let statuses = document.status.clone();
    problems.take(format!("{field}.status"), within(&statuses.len(), 1..=ENTRIES_MAX, "statuses"));
    for (index, status) in statuses.iter().enumerate() {
        problems.take(format!("{field}.status[{index}]"), within(status, STATUS_RANGE, ""));
    }
    let success = statuses.iter().copied().find(|status| (100..400).contains(status));
    if let (Some(status), None) = (success, &document.when) {
        let expected = "a condition, as it is no error by itself";
        problems
            .add(Wrong::plain(format!("missing for status {status}"), expected).at(format!("{field}.when")));
    }
    let when = match &document.when {
        Some(when) => Some(Condition::check(when, &format!("{field}.when"), problems)?),
        None => None,
    };
    let execution = match document.executed {
        None | Some(Executed::No) => Execution::NotExecuted,
        Some(Executed::Unknown) => Execution::Unknown,
    };
    Some(ThrottledRule { statuses, when, execution })
}

fn within<T: PartialOrd + Display>(number: &T, range: RangeInclusive<T>, of: &str) -> Result<(), Wrong> {
    if range.contains(number) {
        return Ok(());
    }
    let value = format!("{number} {of}");
    Err(Wrong::plain(value.trim_end(), format!("{} to {}", range.start(), range.end())))
}
