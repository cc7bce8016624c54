//! `GET /v1/{ns}/buckets`: how full buckets are.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use tollgate::{BucketState, Error, Measure, Mode, Policy};
use utoipa::{IntoParams, ToSchema};

use super::ms_rounded_up;
use crate::app::App;
use crate::description::{IN_NAMESPACE, OF_STORE, problems};
use crate::params::Query;
use crate::problem::{Kind, Problem};

/// Which buckets.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wanted {
    /// Only the buckets of this limit.
    limit: Option<String>,
    /// The buckets with this key, one for each thing that the limit counts; needs `limit`. The key of a limit counted
    /// per nothing is empty.
    key: Option<String>,
    /// Where the page begins: `next` of the last one.
    #[param(pattern = "^[0-9]{1,20}$")]
    cursor: Option<String>,
}

/// Some of the buckets that are not full, or those that were asked for.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Buckets)]
pub(crate) struct Page {
    buckets: Vec<Bucket>,
    /// The cursor of the next page; missing on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    next: Option<String>,
}

/// How full a bucket is.
#[derive(Debug, Serialize, ToSchema)]
struct Bucket {
    limit: String,
    key: String,
    measure: Measure,
    mode: Mode,
    /// Most tokens it holds, or how many calls may be in flight.
    burst: u64,
    /// Whole tokens in it, or how many more calls may be in flight.
    remaining: u64,
    /// Until it is full again, if nobody comes; of calls in flight at the latest, if no lease is renewed.
    reset_after_ms: u64,
    /// Until it earns again, where the provider or an operator has said that nothing may pass. Missing if it is not
    /// paused.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, minimum = 1)]
    paused_for_ms: Option<u64>,
    /// At which part of its rate it goes since the provider has refused calls. Missing if it goes at all of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, minimum = 2, maximum = 99)]
    pace_percent: Option<u32>,
}

problems!(NotRead: IN_NAMESPACE, OF_STORE, &[Kind::UNKNOWN_LIMIT, Kind::INVALID_VALUE]);

/// The buckets of one key, or a page of those in use: not full, or full since the last sweep.
#[utoipa::path(
    get,
    path = "/buckets",
    operation_id = "buckets",
    tag = "buckets",
    security(("key" = ["viewer"])),
    params(Wanted),
    responses(
        (
            status = 200,
            description = "A page. It may be empty although there are more; a bucket may appear twice.",
            body = Page,
            links(("next" = (
                operation_id = "buckets",
                parameters(
                    ("ns" = "$request.path.ns"),
                    ("limit" = "$request.query.limit"),
                    ("cursor" = "$response.body#/next")
                ),
                description = "The next page, if there is one."
            )))
        ),
        NotRead
    )
)]
pub(crate) async fn get(State(app): State<App>, Query(wanted): Query<Wanted>) -> Result<Json<Page>, Problem> {
    let Wanted { limit, key, cursor } = wanted;
    if let Some(cursor) = &cursor {
        check_cursor(cursor)?;
    }
    let Some(key) = key else {
        return page(&app, limit.as_deref(), cursor.as_deref()).await;
    };
    let limit = limit.ok_or_else(|| {
        Problem::new(Kind::INVALID_VALUE, "a key is one of a limit's: say which with limit=").field("limit")
    })?;
    let buckets = app.gate.buckets_of(&limit, &key).await?;
    if buckets.is_empty() {
        check_limit(&app, &limit).await?;
        let detail = format!("no bucket of limit {limit:?} could have the key {key:?}");
        return Err(Problem::new(Kind::UNKNOWN_LIMIT, detail).field("key"));
    }
    Ok(Json(Page { buckets: buckets.into_iter().map(Bucket::from).collect(), next: None }))
}

async fn page(app: &App, limit: Option<&str>, cursor: Option<&str>) -> Result<Json<Page>, Problem> {
    if let Some(limit) = limit {
        check_limit(app, limit).await?;
    }
    let page = app.gate.buckets(limit, cursor).await?;
    Ok(Json(Page { buckets: page.buckets.into_iter().map(Bucket::from).collect(), next: page.next }))
}

pub(super) async fn check_limit(app: &App, limit: &str) -> Result<(), Problem> {
    let stored = app.policy().await?;
    let policy = Policy::from_json(&stored.document).map_err(Error::Policy)?;
    if policy.limits().iter().any(|known| known.name() == limit) {
        return Ok(());
    }
    Err(Problem::new(Kind::UNKNOWN_LIMIT, format!("the policy has no limit {limit:?}")).field("limit"))
}

/// Cursors are numbers; what is none would be an error of the store.
pub(super) fn check_cursor(cursor: &str) -> Result<(), Problem> {
    if cursor.bytes().all(|byte| byte.is_ascii_digit()) && cursor.parse::<u64>().is_ok() {
        return Ok(());
    }
    Err(Problem::new(Kind::INVALID_VALUE, "no page has given this cursor, expected the next of one")
        .field("cursor"))
}

impl From<BucketState> for Bucket {
    fn from(state: BucketState) -> Self {
        Self {
            limit: state.limit,
            key: state.key,
            measure: state.measure,
            mode: state.mode,
            burst: state.burst,
            remaining: state.remaining,
            reset_after_ms: ms_rounded_up(state.reset_after),
            paused_for_ms: Some(ms_rounded_up(state.paused_for)).filter(|&ms| ms > 0),
            pace_percent: Some(state.pace_percent).filter(|&percent| percent < 100),
        }
    }
}
