//! `/v1/{ns}/pauses`: which buckets let nothing pass for a time, and pauses by hand.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::Number;
use tollgate::{BucketState, Error};
use utoipa::{IntoParams, ToSchema};

use super::buckets::{check_cursor, check_limit};
use super::change::{By, ByFields};
use super::ms_rounded_up;
use crate::app::App;
use crate::body;
use crate::description::{IN_NAMESPACE, OF_STORE, WITH_BODY, problems};
use crate::params::{NoQuery, Query};
use crate::problem::{Kind, Problem};
use crate::whole;

/// As long as a pause may be: 31 days.
const PAUSE_MS_MAX: u32 = 31 * 86_400_000;

/// Pages of buckets that are looked at for one of pauses: most buckets are not paused.
const LOOKED_AT_MOST: usize = 20;

/// Where to begin.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct Begin {
    /// Where the page begins: `next` of the last one.
    #[param(pattern = "^[0-9]{1,20}$")]
    cursor: Option<String>,
}

/// Some of the buckets that are paused.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Pauses)]
pub(crate) struct Page {
    /// May be none although there are more.
    pauses: Vec<Standstill>,
    /// The cursor of the next page; missing on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    next: Option<String>,
}

/// A bucket that lets nothing pass.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PausedBucket)]
pub(crate) struct Standstill {
    limit: String,
    key: String,
    /// Until it earns again; it begins empty then.
    #[schema(minimum = 1)]
    paused_for_ms: u64,
}

/// Which bucket is to be paused, and for how long.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = PauseRequest)]
#[serde(deny_unknown_fields)]
pub(crate) struct Pause {
    limit: String,
    key: String,
    /// From now on, by the store's clock. A pause that ends later stays.
    #[schema(value_type = u32, minimum = 1, maximum = 2_678_400_000_i64)]
    for_ms: Number,
}

/// What has come of ending a pause.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Resumed)]
pub(crate) struct Ended {
    limit: String,
    key: String,
    /// Whether it was paused.
    resumed: bool,
}

/// Of which bucket the pause is to end.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct Bucket {
    /// The limit's name.
    #[param(example = "org")]
    limit: String,
    /// Which of its buckets.
    #[param(example = "acme")]
    key: String,
}

problems!(NotListed: IN_NAMESPACE, OF_STORE, &[Kind::INVALID_VALUE]);

/// The buckets that let nothing pass for a time, because the provider or an operator has said so.
#[utoipa::path(
    get,
    path = "/pauses",
    operation_id = "pauses",
    tag = "buckets",
    security(("key" = ["viewer"])),
    params(Begin),
    responses(
        (
            status = 200,
            description = "A page. A bucket may appear twice.",
            body = Page,
            links(("next" = (
                operation_id = "pauses",
                parameters(("ns" = "$request.path.ns"), ("cursor" = "$response.body#/next")),
                description = "The next page, if there is one."
            )))
        ),
        NotListed
    )
)]
pub(crate) async fn list(
    State(app): State<App>,
    Query(Begin { cursor }): Query<Begin>,
) -> Result<Json<Page>, Problem> {
    if let Some(cursor) = &cursor {
        check_cursor(cursor)?;
    }
    let (mut pauses, mut next) = (Vec::new(), cursor);
    for _ in 0..LOOKED_AT_MOST {
        let page = app.gate.buckets(None, next.as_deref()).await?;
        page.buckets.into_iter().filter_map(Standstill::of).for_each(|other| add(&mut pauses, other));
        next = page.next;
        if next.is_none() || !pauses.is_empty() {
            break;
        }
    }
    Ok(Json(Page { pauses, next }))
}

problems!(
    NotPaused: IN_NAMESPACE, WITH_BODY, OF_STORE,
    &[Kind::UNKNOWN_LIMIT, Kind::TOO_MANY_BUCKETS, Kind::INVALID_VALUE]
);

/// Lets nothing pass a bucket for a time, in any replica.
///
/// Calls that wait go on waiting, those whose deadline is before the end are refused. A limit that only observes lets
/// calls pass all the same. The audit trail tells it.
#[utoipa::path(
    post,
    path = "/pauses",
    operation_id = "pause",
    tag = "buckets",
    security(("key" = ["operator"])),
    params(ByFields),
    request_body(
        content = Pause,
        description = "At most 64 KiB.",
        example = json!({"limit": "org", "key": "acme", "for_ms": 60_000})
    ),
    responses((status = 200, description = "It is paused.", body = Standstill), NotPaused)
)]
pub(crate) async fn pause(
    State(app): State<App>,
    _: NoQuery,
    By(change): By,
    body::Json(Pause { limit, key, for_ms }): body::Json<Pause>,
) -> Result<Json<Standstill>, Problem> {
    let length = length_of(&for_ms)?;
    check_limit(&app, &limit).await?;
    let paused = app.gate.pause(&limit, &key, length, &change).await;
    let paused_for_ms = ms_rounded_up(paused.map_err(told_by_field)?);
    Ok(Json(Standstill { limit, key, paused_for_ms }))
}

problems!(
    NotEnded: IN_NAMESPACE, OF_STORE,
    &[Kind::UNKNOWN_LIMIT, Kind::TOO_MANY_BUCKETS, Kind::INVALID_VALUE]
);

/// Ends the pause of a bucket, whoever has begun it, the provider too.
///
/// The bucket is empty then, and earns from now on; calls that wait for it ask again within 250 ms. One that is not
/// paused stays as it is, and the audit trail has nothing of it.
#[utoipa::path(
    delete,
    path = "/pauses",
    operation_id = "resume",
    tag = "buckets",
    security(("key" = ["operator"])),
    params(Bucket, ByFields),
    responses((status = 200, description = "It is not paused, whether or not it was.", body = Ended), NotEnded)
)]
pub(crate) async fn resume(
    State(app): State<App>,
    Query(Bucket { limit, key }): Query<Bucket>,
    By(change): By,
) -> Result<Json<Ended>, Problem> {
    check_limit(&app, &limit).await?;
    let resumed = app.gate.resume(&limit, &key, &change).await.map_err(told_by_field)?;
    Ok(Json(Ended { limit, key, resumed }))
}

/// Whatever the number is, what is said is how long a pause may be, and not which numbers this program can hold.
fn length_of(for_ms: &Number) -> Result<Duration, Problem> {
    let whole = for_ms.as_f64().and_then(whole::of_float).filter(|ms| (1..=PAUSE_MS_MAX).contains(ms));
    whole.map(|ms| Duration::from_millis(ms.into())).ok_or_else(|| {
        let detail =
            format!("a pause of {for_ms} ms, expected a whole number, 1 to {PAUSE_MS_MAX}, which is 31 days");
        Problem::new(Kind::INVALID_VALUE, detail).field("for_ms")
    })
}

/// Of a limit that there is it is the key that no bucket could have.
fn told_by_field(error: Error) -> Problem {
    let is_unknown = matches!(error, Error::NoBucket { .. });
    let problem = Problem::from(error);
    if is_unknown { problem.field("key") } else { problem }
}

/// What a limit counts for a key is in several buckets, all of which are paused: each pause is shown once, with the
/// longest time.
fn add(pauses: &mut Vec<Standstill>, other: Standstill) {
    match pauses.iter_mut().find(|known| known.limit == other.limit && known.key == other.key) {
        Some(known) => known.paused_for_ms = known.paused_for_ms.max(other.paused_for_ms),
        None => pauses.push(other),
    }
}

impl Standstill {
    fn of(state: BucketState) -> Option<Self> {
        let paused_for_ms = ms_rounded_up(state.paused_for);
        (paused_for_ms > 0).then_some(Self { limit: state.limit, key: state.key, paused_for_ms })
    }
}
