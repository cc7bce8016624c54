//! Quotas in structured fields (RFC 9651), as `RateLimit` and `RateLimit-Policy` hold them.

use super::document::StructuredDocument;
use super::named::name;
use super::quota::WINDOW_MAX;
use super::reading::QuotaReading;
use super::source::header;
use super::time::WAIT_MAX;
use super::view::View;
use crate::policy::Problems;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::HeaderName;
use sfv::{BareItem, Item, List, ListEntry, Parser};
use std::time::Duration;

/// Most items of a field that are looked at.
const ITEMS_MAX: usize = 16;

/// The two fields: what is left now, and what is allowed in which window.
///
/// Both are lists. An item is the name of a quota; its parameters are `r` (remaining) and `t` (seconds until there is
/// more) in the one, `q` (limit) and `w` (window in seconds) in the other, and `pk` (partition key) in both. Older
/// drafts had the limit itself in the name's place.
#[derive(Debug, Clone)]
pub(super) struct Structured {
    current: HeaderName,
    policy: HeaderName,
}

impl Structured {
    pub(super) fn check(
        document: &StructuredDocument,
        field: &str,
        problems: &mut Problems,
    ) -> Option<Structured> {
        let current = problems.take(format!("{field}.current"), header(&document.current));
        let policy = problems.take(format!("{field}.policy"), header(&document.policy));
        Some(Structured { current: current?, policy: policy? })
    }

    /// The quotas: each that is told of now, with what its policy says, and then the policies nothing else is told of.
    pub(super) fn read(&self, view: &View<'_>) -> Vec<QuotaReading> {
        let policies = items(&self.policy, view, policy);
        let mut readings = items(&self.current, view, current);
        let mut unused = vec![true; policies.len()];
        for reading in &mut readings {
            let is_its = |policy: &QuotaReading| {
                policy.name == reading.name && (policy.key.is_none() || policy.key == reading.key)
            };
            if let Some(index) = policies.iter().position(is_its) {
                reading.limit = policies[index].limit;
                reading.window = policies[index].window;
                unused[index] = false;
            }
        }
        let rest = policies.into_iter().zip(unused).filter(|(_, unused)| *unused);
        readings.extend(rest.map(|(policy, _)| policy));
        readings
    }
}

/// What is made of the items of a field, if it is a list at all. A field in several lines is one list.
fn items(
    field: &HeaderName,
    view: &View<'_>,
    reading: fn(&Item) -> Option<QuotaReading>,
) -> Vec<QuotaReading> {
    let joined = view.headers(field).collect::<Vec<_>>().join(",");
    let items = Parser::new(&joined).parse::<List>().unwrap_or_default().into_iter().take(ITEMS_MAX);
    let single = items.filter_map(|entry| match entry {
        ListEntry::Item(item) => reading(&item),
        ListEntry::InnerList(_) => None,
    });
    single.collect()
}

/// An item of `RateLimit`.
fn current(item: &Item) -> Option<QuotaReading> {
    let resets_in = number(item, "t").map(Duration::from_secs).map(|time| time.min(WAIT_MAX));
    Some(QuotaReading { remaining: Some(number(item, "r")?), resets_in, ..identified(item)? })
}

/// An item of `RateLimit-Policy`.
fn policy(item: &Item) -> Option<QuotaReading> {
    let window = number(item, "w").map(Duration::from_secs).map(|time| time.min(WINDOW_MAX));
    let known = identified(item)?;
    let limit = number(item, "q").or(known.limit)?;
    Some(QuotaReading { limit: Some(limit), window, ..known })
}

/// The name and the key of an item.
fn identified(item: &Item) -> Option<QuotaReading> {
    let key = item.params.get("pk").and_then(|key| match key {
        BareItem::ByteSequence(bytes) => {
            str::from_utf8(bytes).ok().and_then(name).or_else(|| name(&STANDARD.encode(bytes)))
        }
        BareItem::String(text) => name(text.as_str()),
        _ => None,
    });
    let (name, limit) = match &item.bare_item {
        BareItem::String(text) => (Some(name(text.as_str())?), None),
        BareItem::Token(text) => (Some(name(text.as_str())?), None),
        BareItem::Integer(limit) => (None, Some(u64::try_from(i64::from(*limit)).ok()?)),
        _ => return None,
    };
    Some(QuotaReading { name, key, limit, ..QuotaReading::default() })
}

/// A parameter that is a whole number from zero on.
fn number(item: &Item, parameter: &str) -> Option<u64> {
    match item.params.get(parameter)? {
        BareItem::Integer(number) => u64::try_from(i64::from(*number)).ok(),
        _ => None,
    }
}
