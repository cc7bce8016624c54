//! `GET /v1/{ns}/audit`: what happened to the namespace, a page at a time; `GET /v1/{ns}/audit/stream`: as it happens.

mod entry;
mod follower;
mod granted;
mod query;

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::sse::{KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde::Serialize;
use tollgate::AuditPage;
use utoipa::ToSchema;

use self::entry::Entry;
use self::follower::Follower;
use self::query::{Asked, Followed};
use crate::access::Caller;
use crate::app::App;
use crate::description::{IN_NAMESPACE, OF_STORE, problems};
use crate::params::Query;
use crate::problem::{Kind, Problem};
use crate::shutdown::Stage;

const NDJSON: &str = "application/x-ndjson";

/// Where the next page begins; the last id of the trail: what stands beside the entries, where those are lines.
const NEXT_CURSOR: HeaderName = HeaderName::from_static("tollgate-next-cursor");
const LAST_ID: HeaderName = HeaderName::from_static("tollgate-last-id");

/// Proxies that gather an answer before they pass it on would keep it to themselves.
const UNBUFFERED: (HeaderName, HeaderValue) =
    (HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));

/// Some of the entries.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AuditPage)]
struct Page {
    entries: Vec<Entry>,
    /// The cursor of the next page. Missing on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    next_cursor: Option<String>,
    /// The id given out last in the whole trail.
    last_id: String,
}

problems!(NotRead: IN_NAMESPACE, OF_STORE, &[Kind::INVALID_VALUE]);

/// What happened to the namespace, who did it, and when.
///
/// A page as an object, or with `Accept: application/x-ndjson` as a line for each entry.
#[utoipa::path(
    get,
    path = "/audit",
    operation_id = "audit",
    tag = "audit",
    security(("key" = ["viewer"])),
    params(Asked),
    responses(
        (
            status = 200,
            description = "A page. It may be empty although there are more. As lines, the cursor and the last id are in the header.",
            content((Page = "application/json"), (String = "application/x-ndjson")),
            headers(
                ("Tollgate-Next-Cursor" = String, description = "Of lines: `next_cursor`."),
                ("Tollgate-Last-Id" = String, description = "Of lines: `last_id`.")
            ),
            links(("next" = (
                operation_id = "audit",
                parameters(("ns" = "$request.path.ns"), ("cursor" = "$response.body#/next_cursor")),
                description = "The next page, if there is one."
            )))
        ),
        NotRead
    )
)]
pub(crate) async fn get(
    State(app): State<App>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let page = app.gate.audit(&asked.query()?).await?;
    Ok(if wants_lines(&headers) { lines(page) } else { Json(Page::from(page)).into_response() })
}

problems!(NotFollowed: IN_NAMESPACE, OF_STORE, &[Kind::INVALID_VALUE, Kind::TOO_MANY_FOLLOWERS]);

/// What happens to the namespace, as it happens: server-sent events, until the replica ends, or the key is revoked.
///
/// From now on, from a time on, or behind the last event that was seen. Where entries behind that may have been trimmed
/// meanwhile, an event `gap` says between which ids.
#[utoipa::path(
    get,
    path = "/audit/stream",
    operation_id = "followAudit",
    tag = "audit",
    security(("key" = ["viewer"])),
    params(
        Followed,
        ("Last-Event-ID" = Option<String>, Header, pattern = "^[0-9]{1,19}-[0-9]{1,19}$",
            description = "The id of the last event that was seen: those behind it come first. Without it, and without `from`, \
                those from now on.")
    ),
    responses(
        (
            status = 200,
            description = "Events, each as the schema has it; a `gap` is no entry. A comment every 15 s says that the service is there.",
            body = follower::Told,
            content_type = "text/event-stream"
        ),
        NotFollowed
    )
)]
pub(crate) async fn follow(
    State(app): State<App>,
    caller: Option<Extension<Caller>>,
    Query(followed): Query<Followed>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let query = followed.query(&headers)?;
    if app.shutdown.has_reached(Stage::Draining) {
        return Err(Problem::new(Kind::SHUTTING_DOWN, "this replica is shutting down"));
    }
    let place = Arc::clone(&app.followers).try_acquire_owned().map_err(|_| {
        Problem::new(
            Kind::TOO_MANY_FOLLOWERS,
            "as many follow the audit trail here as may; ask another replica",
        )
    })?;
    let caller = caller.map(|Extension(caller)| caller);
    let events = Follower::start(app, caller, query, place).await?.events();
    Ok(([UNBUFFERED], Sse::new(events).keep_alive(KeepAlive::default())).into_response())
}

fn wants_lines(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let mut kinds = accepted.flat_map(|value| value.split(',')).filter_map(|kind| kind.split(';').next());
    kinds.any(|kind| kind.trim().eq_ignore_ascii_case(NDJSON))
}

fn lines(page: AuditPage) -> Response {
    let Page { entries, next_cursor, last_id } = page.into();
    let mut body = Vec::new();
    for entry in entries {
        // Texts and numbers can't fail to be written.
        body.extend(serde_json::to_vec(&entry).unwrap_or_default());
        body.push(b'\n');
    }
    let mut response = ([(header::CONTENT_TYPE, NDJSON)], body).into_response();
    for (name, value) in [(NEXT_CURSOR, next_cursor), (LAST_ID, Some(last_id))] {
        if let Some(Ok(value)) = value.map(|value| HeaderValue::from_str(&value)) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

impl From<AuditPage> for Page {
    fn from(page: AuditPage) -> Self {
        Self {
            entries: page.entries.into_iter().map(Entry::from).collect(),
            next_cursor: page.next.map(|id| id.to_string()),
            last_id: page.last.to_string(),
        }
    }
}
