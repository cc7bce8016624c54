//! Which entries of the audit trail are asked for.

use axum::http::{HeaderMap, HeaderName};
use serde::Deserialize;
use tollgate::{AuditId, AuditKind, AuditOrder, AuditQuery};
use utoipa::IntoParams;
use utoipa::openapi::schema::Object;

use super::super::{time_param, words};
use crate::problem::{Kind, Problem};

/// Most entries of a page.
const COUNT_MAX: usize = 1_000;

/// Longest name of an organisation or a limit, in bytes.
const NAME_BYTES_MAX: usize = 256;

/// The id of the last event that a follower has seen.
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// The query of a page.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct Asked {
    /// From this time on: RFC 3339, or microseconds since 1970.
    #[param(schema_with = time_param::schema, required = false)]
    from: Option<String>,
    /// Up to this time, written as `from`.
    #[param(schema_with = time_param::schema, required = false)]
    to: Option<String>,
    /// Only what calls of this organisation have brought about.
    #[param(min_length = 1, max_length = 256)]
    org: Option<String>,
    /// Only what is about this limit.
    #[param(min_length = 1, max_length = 256)]
    limit: Option<String>,
    /// Only this kind.
    #[param(schema_with = kinds, required = false)]
    kind: Option<String>,
    /// Which entries come first.
    #[param(schema_with = orders, required = false)]
    order: Option<String>,
    /// Where the page begins: `next_cursor` of the last one, with the same order and filters.
    #[param(pattern = "^[0-9]{1,19}-[0-9]{1,19}$")]
    cursor: Option<String>,
    /// Most entries of the page.
    #[param(value_type = Option<u16>, minimum = 1, maximum = 1_000, default = 100)]
    count: Option<String>,
}

/// The query of a follower.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct Followed {
    /// From this time on: RFC 3339, or microseconds since 1970.
    #[param(schema_with = time_param::schema, required = false)]
    from: Option<String>,
    /// Only what calls of this organisation have brought about.
    #[param(min_length = 1, max_length = 256)]
    org: Option<String>,
    /// Only what is about this limit.
    #[param(min_length = 1, max_length = 256)]
    limit: Option<String>,
    /// Only this kind.
    #[param(schema_with = kinds, required = false)]
    kind: Option<String>,
}

impl Asked {
    pub(super) fn query(self) -> Result<AuditQuery, Problem> {
        let defaults = AuditQuery::default();
        let query = AuditQuery {
            from_us: self.from.map(|text| time_param::read("from", &text)).transpose()?,
            to_us: self.to.map(|text| time_param::read("to", &text)).transpose()?,
            org: self.org.map(|text| name("org", text)).transpose()?,
            limit: self.limit.map(|text| name("limit", text)).transpose()?,
            kind: self.kind.map(|text| read("kind", &text)).transpose()?,
            order: self.order.map_or(Ok(defaults.order), |text| order(&text))?,
            after: self.cursor.map(|text| cursor("cursor", &text)).transpose()?,
            most: self.count.map_or(Ok(defaults.most), |text| count(&text))?,
        };
        if query.from_us.zip(query.to_us).is_some_and(|(from, to)| from > to) {
            return Err(invalid("to", "it is before `from`, expected a time that is not".to_owned()));
        }
        Ok(query)
    }
}

impl Followed {
    /// What stands in the header counts before the time: a client that comes again has both.
    pub(super) fn query(self, headers: &HeaderMap) -> Result<AuditQuery, Problem> {
        let after = match headers.get(LAST_EVENT_ID) {
            Some(value) => Some(cursor(LAST_EVENT_ID.as_str(), value.to_str().unwrap_or_default())?),
            None => None,
        };
        Ok(AuditQuery {
            from_us: self.from.map(|text| time_param::read("from", &text)).transpose()?,
            org: self.org.map(|text| name("org", text)).transpose()?,
            limit: self.limit.map(|text| name("limit", text)).transpose()?,
            kind: self.kind.map(|text| read("kind", &text)).transpose()?,
            after,
            ..AuditQuery::default()
        })
    }
}

/// The kinds, as the description of the API has them.
fn kinds() -> Object {
    words::schema(AuditKind::ALL.map(AuditKind::as_str)).build()
}

fn orders() -> Object {
    words::schema(["oldest", "newest"]).default(Some("oldest".into())).build()
}

fn invalid(field: &str, detail: String) -> Problem {
    Problem::new(Kind::INVALID_VALUE, detail).field(field)
}

fn name(field: &str, text: String) -> Result<String, Problem> {
    if text.is_empty() || text.len() > NAME_BYTES_MAX {
        return Err(invalid(field, format!("{} bytes, expected 1 to {NAME_BYTES_MAX}", text.len())));
    }
    Ok(text)
}

fn read<T: std::str::FromStr<Err: std::fmt::Display>>(field: &str, text: &str) -> Result<T, Problem> {
    text.parse().map_err(|error| invalid(field, format!("{text:?}: {error}")))
}

fn cursor(field: &str, text: &str) -> Result<AuditId, Problem> {
    read(field, text)
}

fn order(text: &str) -> Result<AuditOrder, Problem> {
    match text {
        "oldest" => Ok(AuditOrder::OldestFirst),
        "newest" => Ok(AuditOrder::NewestFirst),
        _ => Err(invalid("order", format!("{text:?}, expected oldest or newest"))),
    }
}

fn count(text: &str) -> Result<usize, Problem> {
    let count = text.parse().ok().filter(|count| (1..=COUNT_MAX).contains(count));
    count.ok_or_else(|| invalid("count", format!("{text:?}, expected 1 to {COUNT_MAX}")))
}
