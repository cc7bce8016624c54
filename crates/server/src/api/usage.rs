//! `GET /v1/{ns}/usage`: who has used what, by the minute or by the hour.

use std::ops::{Range, RangeInclusive};
use std::time::SystemTime;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use tollgate::policy::Attribute;
use tollgate::{Error, Measure, Policy, UsageCounts, UsageQuery, UsageRow, UsageStep};
use utoipa::openapi::schema::Object;
use utoipa::{IntoParams, ToSchema};

use super::{time_param, words};
use crate::app::App;
use crate::clock;
use crate::description::{IN_NAMESPACE, OF_STORE, problems};
use crate::params::Query;
use crate::problem::{Kind, Problem};
use crate::rfc3339;

/// Most rows of an answer.
const ROWS_MAX: usize = 20_000;

/// Longest name of a limit and longest key.
pub(super) const LIMIT_BYTES_MAX: usize = 256;
pub(super) const KEY_BYTES_MAX: usize = 1_024;

/// How far an answer goes back, unless it is said.
const HOUR_US: u64 = 3_600_000_000;

/// How far the books are behind at most, mostly.
const NOT_YET_BOOKED_US: u64 = 180_000_000;

/// Of when, and of whom.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct Asked {
    /// The minutes or hours that begin from this time on: RFC 3339, or microseconds since 1970. An hour before `to` by
    /// default.
    #[param(schema_with = time_param::schema, required = false)]
    from: Option<String>,
    /// Those that begin before this time, written as `from`. Now by default.
    #[param(schema_with = time_param::schema, required = false)]
    to: Option<String>,
    /// How long the time is that a row is about. Minutes are kept for 48 hours, hours for 30 days.
    #[serde(default)]
    #[param(schema_with = steps, required = false)]
    step: Step,
    /// What there is a row for. `key`: each key of each limit. `limit`: each limit. `org`, `client`: each organisation
    /// or client, by the first limit with a rate or a quota that is counted per that alone and has no `when`; where all
    /// have one, by the first.
    #[serde(default)]
    #[param(schema_with = kinds_of_row, required = false)]
    by: By,
    /// Only this limit; not with `by=org` or `by=client`.
    #[param(min_length = 1, max_length = 256)]
    limit: Option<String>,
    /// Only this key.
    #[param(max_length = 1_024)]
    key: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Step {
    #[default]
    Minute,
    Hour,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
enum By {
    #[default]
    Key,
    Limit,
    Org,
    Client,
}

fn steps() -> Object {
    words::schema(["minute", "hour"]).default(Some("minute".into())).build()
}

fn kinds_of_row() -> Object {
    words::schema(["key", "limit", "org", "client"]).default(Some("key".into())).build()
}

/// What was used.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Usage)]
pub(crate) struct Used {
    /// Up to when all is in it: what was granted later may be missing. Missing if that is not known yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, format = DateTime)]
    complete_until: Option<String>,
    rows: Vec<Row>,
}

/// What was used at a limit in a minute or an hour.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = UsageRow)]
struct Row {
    /// When it begins, by the store's clock.
    #[schema(format = DateTime)]
    at: String,
    limit: String,
    measure: Measure,
    /// Whose row it is. Missing with `by=limit`, and of all together that have none of their own.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    key: Option<String>,
    /// Calls that were granted.
    granted: u64,
    /// Tokens that they cost, less those that were given back in that time.
    cost: i64,
    /// Calls that were refused.
    refused: u64,
    /// Calls that were granted after they had waited.
    waited: u64,
    /// For how long together, in microseconds.
    waited_us: u64,
    /// The longest of them, in microseconds.
    longest_wait_us: u64,
    /// Refusals of the provider that were put down to it.
    throttled: u64,
    /// By how much its pauses were made longer, less what was taken back, in microseconds.
    paused_us: i64,
}

problems!(NotRead: IN_NAMESPACE, OF_STORE, &[Kind::INVALID_VALUE]);

/// Who has used what: calls granted and their cost, calls refused and made to wait, the provider's refusals.
///
/// Up to a hundred of the busiest keys of a limit have a row of their own in each minute and hour; all others share
/// one.
#[utoipa::path(
    get,
    path = "/usage",
    operation_id = "usage",
    tag = "usage",
    security(("key" = ["viewer"])),
    params(Asked),
    responses((status = 200, description = "What was used, by time, limit and key.", body = Used), NotRead)
)]
pub(crate) async fn get(State(app): State<App>, Query(asked): Query<Asked>) -> Result<Json<Used>, Problem> {
    check_length("limit", asked.limit.as_deref(), 1..=LIMIT_BYTES_MAX)?;
    check_length("key", asked.key.as_deref(), 0..=KEY_BYTES_MAX)?;
    let limit = match asked.by {
        By::Key | By::Limit => asked.limit.clone(),
        By::Org => Some(limit_per(&app, &asked, &Attribute::Org).await?),
        By::Client => Some(limit_per(&app, &asked, &Attribute::Client).await?),
    };
    let _place = app.usage_readers.acquire().await;
    let query = UsageQuery {
        step: asked.step.into(),
        span_us: asked.span_us(&app).await?,
        limit,
        key: asked.key.clone(),
        is_summed: asked.by == By::Limit,
        most: ROWS_MAX,
    };
    let usage = app.gate.usage(&query).await?;
    if usage.is_cut {
        let detail =
            format!("more than {ROWS_MAX} rows: ask for a shorter time, longer steps, one limit or one key");
        return Err(Problem::new(Kind::INVALID_VALUE, detail).field("from"));
    }
    let mut rows = usage.rows;
    if matches!(asked.by, By::Org | By::Client) {
        rows.retain(|row| row.measure == Measure::Tokens);
    }
    let complete_until = (usage.complete_until_us > 0).then(|| rfc3339::of_us(usage.complete_until_us));
    Ok(Json(Used { complete_until, rows: rows.into_iter().map(Row::from).collect() }))
}

pub(super) fn check_length(
    field: &str,
    text: Option<&str>,
    expected: RangeInclusive<usize>,
) -> Result<(), Problem> {
    match text.map(str::len).filter(|length| !expected.contains(length)) {
        None => Ok(()),
        Some(length) => {
            let detail = format!("{length} bytes, expected {} to {}", expected.start(), expected.end());
            Err(Problem::new(Kind::INVALID_VALUE, detail).field(field))
        }
    }
}

impl Asked {
    async fn span_us(&self, app: &App) -> Result<Range<u64>, Problem> {
        let time = |field, text: &Option<String>| {
            text.as_ref().map(|text| time_param::read(field, text)).transpose()
        };
        let to = match time("to", &self.to)? {
            Some(to) => to,
            None => latest_us(app).await?,
        };
        let from = time("from", &self.from)?.unwrap_or_else(|| to.saturating_sub(HOUR_US));
        if from > to {
            let detail = "it is before `from`, expected a time that is not";
            return Err(Problem::new(Kind::INVALID_VALUE, detail).field("to"));
        }
        let step = UsageStep::from(self.step);
        let most_us = step.kept() * step.length_us();
        if to - from > most_us {
            let hours = most_us / HOUR_US;
            let detail =
                format!("it is more than {hours} hours before `to`: so long steps of this length are kept");
            return Err(Problem::new(Kind::INVALID_VALUE, detail).field("from"));
        }
        Ok(from..to)
    }
}

/// A time by which everything has begun that there is. The store's time may be ahead of this machine's.
async fn latest_us(app: &App) -> Result<u64, Problem> {
    let now = clock::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let now_us = u64::try_from(now.as_micros()).unwrap_or(u64::MAX);
    let complete_us = app.gate.usage(&UsageQuery::default()).await?.complete_until_us;
    Ok(now_us.max(complete_us.saturating_add(NOT_YET_BOOKED_US)))
}

/// The name of the limit whose rows are those of an organisation or a client.
async fn limit_per(app: &App, asked: &Asked, attribute: &Attribute) -> Result<String, Problem> {
    if asked.limit.is_some() {
        let detail = "it is not for by=org or by=client, which choose the limit themselves";
        return Err(Problem::new(Kind::INVALID_VALUE, detail).field("limit"));
    }
    let stored = app.policy().await?;
    let policy = Policy::from_json(&stored.document).map_err(Error::Policy)?;
    let limit = policy.counting_per(attribute).ok_or_else(|| {
        let detail = "no limit with a rate or a quota is counted per that alone; one with mode = \"observe\" counts and refuses nothing";
        Problem::new(Kind::INVALID_VALUE, detail).field("by")
    })?;
    Ok(limit.name().to_owned())
}

impl From<Step> for UsageStep {
    fn from(step: Step) -> Self {
        match step {
            Step::Minute => Self::Minute,
            Step::Hour => Self::Hour,
        }
    }
}

impl From<UsageRow> for Row {
    fn from(row: UsageRow) -> Self {
        let UsageCounts { granted, tokens, refused, waits, waited_us, longest_us, throttled, paused_us } =
            row.counts;
        Self {
            at: rfc3339::of_us(row.at_us),
            limit: row.limit,
            measure: row.measure,
            key: row.key,
            granted,
            cost: tokens,
            refused,
            waited: waits,
            waited_us,
            longest_wait_us: longest_us,
            throttled,
            paused_us,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// Bug: the rows of an organisation were those of the first limit counted per organisation, although that applied
    /// to a few calls only.
    #[test]
    fn an_organisation_is_counted_by_the_limit_that_all_its_calls_pass() {
        let name_of = |limits: &[(&str, bool, &str)]| {
            let limits: Vec<_> = limits
                .iter()
                .map(|(name, is_for_all, measure)| {
                    let mut limit = json!({"name": name, "per": ["org"]});
                    limit["when"] = json!({"path": "/users/**"});
                    if *is_for_all {
                        limit.as_object_mut().expect("a table").remove("when");
                    }
                    limit[measure] = if *measure == "rate" { json!("10/s") } else { json!(3) };
                    limit
                })
                .collect();
            let policy = Policy::from_json(&json!({"namespace": "shop", "limit": limits}).to_string());
            let policy = policy.expect("a policy");
            policy.counting_per(&Attribute::Org).map(|limit| limit.name().to_owned())
        };
        let (some, flight) = (("users", false, "rate"), ("flight", true, "concurrent"));
        let (all, other) = (("org", true, "rate"), ("other", true, "rate"));
        assert_eq!(name_of(&[some, flight, all, other]).as_deref(), Some("org"));
        assert_eq!(name_of(&[flight, some]).as_deref(), Some("users"));
        assert_eq!(name_of(&[flight]), None);
    }
}
