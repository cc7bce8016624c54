//! From document to policy: every field checked, all problems gathered.

use super::Policy;
use super::attribute::Attribute;
use super::condition::Condition;
use super::cost;
use super::document::{Document, LimitDocument, OnOutage};
use super::error::PolicyError;
use super::key::check_key;
use super::limit::Limit;
use super::measure::{Measure, Measures};
use super::pattern::{Pattern, Patterns};
use super::problem::{Problems, Wrong, quoted};
use super::recorded::RecordedOrgs;
use super::weights::Weights;
use crate::call::{VALUE_BYTES_MAX, fault_in};
use crate::provider;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// Most limits of a policy; a [`LimitSet`](super::pattern::LimitSet) has so many bits.
const LIMITS_MAX: usize = 256;
/// Most buckets a limit may ask for.
const MAX_KEYS_MAX: u64 = 100_000_000;

/// Checks a document and compiles it.
pub(super) fn policy(document: Document<LimitDocument>) -> Result<Policy, PolicyError> {
    let Document { namespace, provider, adapter: described, priority, record_calls, limit: written } =
        document;
    if written.len() > LIMITS_MAX {
        let wrong = Wrong::plain(format!("{} limits", written.len()), format!("at most {LIMITS_MAX}"));
        return Err(wrong.at("limit").into());
    }
    let mut problems = Problems::default();
    problems.take("namespace", check_name(&namespace));
    let adapter = provider::of_policy(provider.as_deref(), described.as_deref(), &mut problems);
    check_unique(&written, &mut problems);
    let weights = Weights::check(priority.as_ref(), &written, &mut problems);
    let recorded = Arc::new(RecordedOrgs::check(record_calls, &mut problems));
    let mut limits = Vec::with_capacity(written.len());
    let mut patterns = Vec::new();
    for (index, written) in (0_u16..).zip(written) {
        if let Some((limit, own)) = checked_limit(written, &format!("limit[{index}]"), &mut problems) {
            limits.push(limit);
            patterns.extend(own.into_iter().map(|pattern| (index, pattern)));
        }
    }
    let adapter = PolicyError::of(problems, adapter)?;
    let patterns = Patterns::compile(patterns)?;
    Ok(Policy { namespace, provider, described, adapter, limits, weights, recorded, patterns })
}

/// Checks that a text is a name: it becomes part of Redis keys, of URLs and of the names of metrics.
pub(crate) fn check_name(name: &str) -> Result<(), Wrong> {
    let expected = "1 to 64 of a-z, 0-9, '.', '_' and '-', the first a letter or a digit";
    if is_name(name) { Ok(()) } else { Err(Wrong::text(name, expected)) }
}

/// Whether a text can name a namespace or a limit.
pub(crate) fn is_name(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    text.len() <= 64
        && text.bytes().next().is_some_and(plain)
        && text.bytes().all(|byte| plain(byte) || b"._-".contains(&byte))
}

fn check_unique(limits: &[LimitDocument], problems: &mut Problems) {
    let mut seen = HashSet::new();
    for (index, limit) in limits.iter().enumerate() {
        if !seen.insert(&limit.name) {
            let wrong = Wrong::text(&limit.name, "a name that no limit before it has");
            problems.add(wrong.at(format!("limit[{index}].name")));
        }
    }
}

/// Checks one limit; its path patterns are returned beside it, to be compiled with those of the others.
fn checked_limit(
    written: LimitDocument,
    field: &str,
    problems: &mut Problems,
) -> Option<(Limit, Vec<Pattern>)> {
    problems.take(format!("{field}.name"), check_name(&written.name));
    for (index, name) in written.names.iter().enumerate() {
        problems.take(format!("{field}.names[{index}]"), check_provider_name(name));
    }
    if let Some(max_keys) = written.max_keys.filter(|keys| !(1..=MAX_KEYS_MAX).contains(keys)) {
        let wrong = Wrong::plain(max_keys.to_string(), format!("1 to {MAX_KEYS_MAX}"));
        problems.add(wrong.at(format!("{field}.max_keys")));
    }
    refuse_unsupported(&written, field, problems);
    let (condition, patterns) = match &written.when {
        Some(when) => Condition::parse(when, &format!("{field}.when"), problems),
        None => (Condition::default(), Vec::new()),
    };
    let per = per(&written.per, field, problems);
    if let Some(cost) = &written.cost {
        cost::check(cost, &format!("{field}.cost"), problems);
    }
    let measures = Measures::of_limit(&written, field, problems);
    let (per, measures) = (per?, measures?);
    if written.cost.is_some() && measures.get(Measure::Tokens).is_none() {
        let wrong = Wrong::plain("no rate or quota", "one of them, which the cost is taken from");
        problems.add(wrong.at(format!("{field}.cost")));
    }
    let overrides = overrides(&written, &per, field, problems);
    let limit = Limit { written, per, condition, measures, overrides };
    Some((limit, patterns))
}

fn check_provider_name(name: &str) -> Result<(), Wrong> {
    let expected = "1 to 256 bytes without control characters";
    fault_in(name, VALUE_BYTES_MAX, String::new).map_or(Ok(()), |_| Err(Wrong::text(name, expected)))
}

fn per(written: &[String], field: &str, problems: &mut Problems) -> Option<Vec<Attribute>> {
    let mut per = Vec::with_capacity(written.len());
    for (index, text) in written.iter().enumerate() {
        let field = format!("{field}.per[{index}]");
        match problems.take(&field, Attribute::parse(text)) {
            Some(attribute) if per.contains(&attribute) => {
                problems.add(Wrong::text(text, "each attribute once").at(field));
            }
            attribute => per.extend(attribute),
        }
    }
    (per.len() == written.len()).then_some(per)
}

fn overrides(
    written: &LimitDocument,
    per: &[Attribute],
    field: &str,
    problems: &mut Problems,
) -> HashMap<Box<str>, Measures> {
    let mut overrides = HashMap::with_capacity(written.overrides.len());
    for (key, other) in &written.overrides {
        let field = format!("{field}.override.{}", quoted(key));
        problems.take(&field, check_key(per, key));
        if let Some(measures) = Measures::of_override(written, other, &field, problems) {
            overrides.insert(key.as_str().into(), measures);
        }
    }
    overrides
}

/// Refuses what later versions will do: a document that relies on it must not be taken as if it were done.
fn refuse_unsupported(limit: &LimitDocument, field: &str, problems: &mut Problems) {
    if let Some(other @ (OnOutage::Share | OnOutage::Allow)) = limit.on_outage {
        let expected = "\"refuse\", as others are not supported yet";
        let wrong = Wrong::plain(format!("{other:?}").to_lowercase(), expected);
        problems.add(wrong.at(format!("{field}.on_outage")));
    }
}
