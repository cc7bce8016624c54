//! `GET /v1/{ns}/waiters`: who waits where.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use tollgate::{Measure, Priority, WaitedAt, WaitersQuery, WaitingOrg};
use utoipa::{IntoParams, ToSchema};

use super::buckets::{check_cursor, check_limit};
use super::ms_rounded_up;
use super::usage::{KEY_BYTES_MAX, LIMIT_BYTES_MAX, check_length};
use crate::app::App;
use crate::description::{IN_NAMESPACE, OF_STORE, problems};
use crate::params::Query;
use crate::problem::{Kind, Problem};
use crate::rfc3339;

/// Whose waiting.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wanted {
    /// Only at this limit.
    limit: Option<String>,
    /// Only at buckets with this key.
    #[param(max_length = 1_024)]
    key: Option<String>,
    /// Only where this organisation waits, and of those who wait there only it.
    #[param(max_length = 256)]
    org: Option<String>,
    /// Where the page begins: `next` of the last one.
    #[param(pattern = "^[0-9]{1,20}$")]
    cursor: Option<String>,
}

/// Some of those who wait.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Waiters)]
pub(crate) struct Page {
    /// May be none although there are more. A bucket may be on several pages, each time with other organisations.
    waiters: Vec<Queue>,
    /// The cursor of the next page; missing on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    next: Option<String>,
}

/// A bucket at which somebody waits.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Queue)]
struct Queue {
    limit: String,
    key: String,
    measure: Measure,
    /// From when on somebody has waited there without a break, by the store's clock.
    #[schema(format = DateTime)]
    since: String,
    /// Places in its queue. A replica takes no more of them for an organisation and priority than may be granted in a
    /// fifth of a second.
    #[schema(minimum = 1)]
    tickets: u64,
    /// Tokens that these want.
    tokens: u64,
    /// Until all of them can have been granted. Missing where calls in flight are counted: nobody knows when those are
    /// over.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    expected_in_ms: Option<u64>,
    /// Until it earns again, if it is paused.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, minimum = 1)]
    paused_for_ms: Option<u64>,
    /// At which part of its rate it goes since the provider has refused calls. Missing if it goes at all of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, minimum = 2, maximum = 99)]
    pace_percent: Option<u32>,
    /// Who waits there, in the order of their turns, as far as it is known: of which the last call waits, and who have
    /// asked in the last minute.
    orgs: Vec<Waiting>,
}

/// An organisation that waits with calls of one priority.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WaitingOrg)]
struct Waiting {
    /// Its name, "" of calls without one.
    org: String,
    priority: Priority,
    /// Tokens that the last of these calls wants.
    tokens: u64,
    /// Tokens of all tickets whose turn comes before that one's.
    ahead: u64,
    /// Until that one can be granted, if all before it come. Missing where calls in flight are counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    expected_in_ms: Option<u64>,
    /// When it has last asked, by the store's clock.
    #[schema(format = DateTime)]
    asked_at: String,
}

problems!(NotRead: IN_NAMESPACE, OF_STORE, &[Kind::UNKNOWN_LIMIT, Kind::INVALID_VALUE]);

/// Who waits where, since when, and how long that will take.
#[utoipa::path(
    get,
    path = "/waiters",
    operation_id = "waiters",
    tag = "buckets",
    security(("key" = ["viewer"])),
    params(Wanted),
    responses(
        (
            status = 200,
            description = "A page: in a namespace of some thousand buckets all there is.",
            body = Page,
            links(("next" = (
                operation_id = "waiters",
                parameters(("ns" = "$request.path.ns"), ("cursor" = "$response.body#/next")),
                description = "The next page, if there is one."
            )))
        ),
        NotRead
    )
)]
pub(crate) async fn get(State(app): State<App>, Query(wanted): Query<Wanted>) -> Result<Json<Page>, Problem> {
    let Wanted { limit, key, org, cursor } = wanted;
    check_length("limit", limit.as_deref(), 0..=LIMIT_BYTES_MAX)?;
    check_length("key", key.as_deref(), 0..=KEY_BYTES_MAX)?;
    check_length("org", org.as_deref(), 0..=LIMIT_BYTES_MAX)?;
    if let Some(cursor) = &cursor {
        check_cursor(cursor)?;
    }
    if let Some(limit) = &limit {
        check_limit(&app, limit).await?;
    }
    let found = app.gate.waiters(&WaitersQuery { limit, key, org }, cursor.as_deref()).await?;
    Ok(Json(Page { waiters: found.buckets.into_iter().map(Queue::from).collect(), next: found.next }))
}

impl From<WaitedAt> for Queue {
    fn from(waited: WaitedAt) -> Self {
        Self {
            limit: waited.limit,
            key: waited.key,
            measure: waited.measure,
            since: rfc3339::of_us(waited.since_us),
            tickets: waited.tickets,
            tokens: waited.tokens,
            expected_in_ms: waited.expected_in.map(ms_rounded_up),
            paused_for_ms: Some(ms_rounded_up(waited.paused_for)).filter(|&ms| ms > 0),
            pace_percent: Some(waited.pace_percent).filter(|&percent| percent < 100),
            orgs: waited.orgs.into_iter().map(Waiting::from).collect(),
        }
    }
}

impl From<WaitingOrg> for Waiting {
    fn from(waiting: WaitingOrg) -> Self {
        Self {
            org: waiting.org,
            priority: waiting.priority,
            tokens: waiting.tokens,
            ahead: waiting.ahead,
            expected_in_ms: waiting.expected_in.map(ms_rounded_up),
            asked_at: rfc3339::of_us(waiting.asked_at_us),
        }
    }
}
