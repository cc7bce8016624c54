//! `POST /v1/{ns}/acquire`: asks for a permit, and waits for it if the caller can.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use tollgate::{Call, Decision, LimitState, Measure, Permit, Priority, Refused};
use utoipa::ToSchema;

use super::call::AskedCall;
use super::ms_rounded_up;
use crate::app::App;
use crate::body;
use crate::description::{self, IN_NAMESPACE, OF_STORE, WITH_BODY, problems};
use crate::object::{self, Object};
use crate::params::NoQuery;
use crate::problem::{Kind, Problem};
use crate::ratelimit_fields;
use crate::shutdown::Stage;
use crate::span::{self, Span};
use crate::whole;

/// What is asked for.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = AcquireRequest)]
#[serde(deny_unknown_fields)]
pub(crate) struct Asked {
    #[schema(value_type = AskedCall)]
    call: Object<AskedCall>,
    /// In tokens, from every limit on the path that does not read its costs off the query.
    #[schema(minimum = 1, maximum = 4_294_967_295_i64, default = 1)]
    #[serde(default = "one", deserialize_with = "whole::whole")]
    cost: u32,
    /// How urgent it is, where calls wait.
    #[schema(default = "normal")]
    #[serde(default, deserialize_with = "object::word")]
    priority: Priority,
    /// How long the caller can wait for it.
    #[schema(schema_with = span::schema)]
    #[serde(default)]
    max_wait: Span,
    /// Under the same one the same call is charged once in 10 minutes, at whichever replica, and is one call in flight.
    #[schema(min_length = 1, max_length = 256, pattern = r"^[^\u0000-\u001f\u007f-\u009f]*$")]
    request_id: Option<String>,
}

/// The answer to a call that may be sent.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Granted)]
struct GrantedAnswer {
    #[schema(schema_with = description::only_true)]
    granted: bool,
    /// Names the grant where its call is settled, given back, renewed or observed.
    #[schema(min_length = 1)]
    permit: String,
    /// By the store's clock, in microseconds since 1970. Missing if no limit applies to the call: `limits` is empty
    /// then, nothing was charged, and the store was not asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    granted_at_us: Option<u64>,
    waited_ms: u64,
    /// How long the call counts as in flight unless a heartbeat renews it: the shortest lease on its path. Missing if
    /// no limit counts calls in flight.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, minimum = 1_000)]
    lease_ms: Option<u64>,
    limits: Vec<LimitLeft>,
}

/// A limit on the path of a granted call, as it stood after the grant.
#[derive(Debug, Serialize, ToSchema)]
struct LimitLeft {
    name: String,
    key: String,
    measure: Measure,
    /// Whole tokens left after the grant, or how many more calls may be in flight.
    remaining: u64,
    /// Until the bucket is full again, if nobody else comes; of calls in flight at the latest, if no lease is renewed.
    reset_after_ms: u64,
}

/// The answer to a call that may not be sent yet.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Refused)]
struct RefusedAnswer {
    #[schema(schema_with = description::only_false)]
    granted: bool,
    limited_by: LimitedBy,
    /// The earliest time that could work, rounded up. Where calls in flight are counted a guess of 5 to 250 ms: nobody
    /// knows when one will be over.
    #[schema(minimum = 1)]
    retry_after_ms: u64,
}

/// The limit that binds.
#[derive(Debug, Serialize, ToSchema)]
struct LimitedBy {
    name: String,
    key: String,
    measure: Measure,
}

problems!(NotDecided: IN_NAMESPACE, WITH_BODY, OF_STORE, &[Kind::INVALID_CALL, Kind::TOO_MANY_WAITING]);

/// Asks for a permit, and waits for it if the caller can.
///
/// A caller who hangs up leaves his place in line; what he was granted meanwhile is given back. Where the answer has
/// `lease_ms` the call is in flight: until it is over, send a heartbeat each third of that time, then settle the
/// permit, or give it back. A call that waits for others to be over is refused only when `max_wait` has passed.
#[utoipa::path(
    post,
    path = "/acquire",
    operation_id = "acquire",
    tag = "permits",
    security(("key" = ["acquire"])),
    request_body(
        content = Asked,
        description = "At most 64 KiB.",
        example = json!({
            "call": {"method": "GET", "path": "/api/v2/users", "org": "acme", "client": "app-1"},
            "cost": 1, "priority": "normal", "max_wait": "2s", "request_id": "job-17"
        })
    ),
    responses(
        (
            status = 200,
            description = "Granted: every limit on the path has been charged.",
            body = GrantedAnswer,
            headers(
                ("RateLimit" = String, description = "For each enforced limit on the path that counts tokens: whole tokens that remain \
                    (r), seconds until its bucket is full again (t), the key in base64 (pk). draft-ietf-httpapi-ratelimit-headers."),
                ("RateLimit-Policy" = String, description = "For each of them: tokens earned (q) in so many seconds (w), the fewest in \
                    which its bucket fills.")
            ),
            links(
                ("settle" = (
                    operation_id = "settle",
                    parameters(("ns" = "$request.path.ns"), ("id" = "$response.body#/permit")),
                    request_body = json!({"cost": 2}),
                    description = "When the call is over."
                )),
                ("heartbeat" = (
                    operation_id = "heartbeat",
                    parameters(("ns" = "$request.path.ns"), ("id" = "$response.body#/permit")),
                    description = "While the call is in flight."
                )),
                ("giveBack" = (
                    operation_id = "giveBack",
                    parameters(("ns" = "$request.path.ns"), ("id" = "$response.body#/permit")),
                    description = "If the call was not sent."
                )),
                ("buckets" = (
                    operation_id = "buckets",
                    parameters(
                        ("ns" = "$request.path.ns"),
                        ("limit" = "$response.body#/limits/0/name"),
                        ("key" = "$response.body#/limits/0/key")
                    ),
                    description = "What is left of the first limit."
                ))
            )
        ),
        (
            status = 429,
            description = "Refused: nothing has been charged.",
            body = RefusedAnswer,
            headers(
                ("RateLimit" = String, description = "For the limit that binds, if it has too few tokens: 0 for what remains (r), \
                    seconds until the call could pass (t), the key in base64 (pk). draft-ietf-httpapi-ratelimit-headers."),
                ("RateLimit-Policy" = String, description = "Of that limit: tokens earned (q) in so many seconds (w), the fewest in \
                    which its bucket fills."),
                ("Retry-After" = u64, description = "Whole seconds, rounded up, at least 1.")
            )
        ),
        NotDecided
    )
)]
pub(crate) async fn acquire(
    State(app): State<App>,
    _: NoQuery,
    body::Json(asked): body::Json<Asked>,
) -> Result<Response, Problem> {
    let max_wait = asked.max_wait.duration();
    let call = asked.into_call();
    let decision = async {
        if max_wait.is_zero() {
            app.gate.try_acquire(&call).await
        } else {
            app.gate.acquire(&call).within(max_wait).decide().await
        }
    };
    let decision = tokio::select! {
        // An answer that is there is given, also at the very end.
        biased;
        decision = decision => decision?,
        () = app.shutdown.reached(Stage::Over) => {
            return Err(Problem::new(Kind::SHUTTING_DOWN, "this replica is shutting down; ask another one"));
        }
    };
    Ok(match decision {
        Decision::Granted(permit) => granted(&app, permit),
        Decision::Refused(refused) => refusal(refused),
    })
}

fn granted(app: &App, permit: Permit) -> Response {
    let limits: Vec<LimitState> = permit.limits().collect();
    let fields = ratelimit_fields::granted(&limits);
    let waited_ms = u64::try_from(permit.waited().as_millis()).unwrap_or(u64::MAX);
    let granted_at_us = (!limits.is_empty()).then(|| permit.granted_at_us());
    let lease_ms = permit.lease().map(|lease| u64::try_from(lease.as_millis()).unwrap_or(u64::MAX));
    let permit = app.gate.hand_over(permit);
    let limits = limits.into_iter().map(LimitLeft::from).collect();
    let answer = GrantedAnswer { granted: true, permit, granted_at_us, waited_ms, lease_ms, limits };
    (fields, Json(answer)).into_response()
}

fn refusal(refused: Refused) -> Response {
    let mut fields = ratelimit_fields::refused(&refused);
    fields.extend(retry_after(refused.retry_after));
    let answer = RefusedAnswer {
        granted: false,
        retry_after_ms: ms_rounded_up(refused.retry_after).max(1),
        limited_by: LimitedBy { measure: refused.measure, name: refused.limit, key: refused.key },
    };
    (StatusCode::TOO_MANY_REQUESTS, fields, Json(answer)).into_response()
}

/// Whole seconds, rounded up, at least 1: some clients take 0 for an invitation to come back without end.
fn retry_after(wait: Duration) -> HeaderMap {
    let seconds = ratelimit_fields::seconds(wait).max(1);
    HeaderMap::from_iter([(header::RETRY_AFTER, HeaderValue::from(seconds))])
}

fn one() -> u32 {
    1
}

impl Asked {
    fn into_call(self) -> Call {
        let call = self.call.0.into_call().cost(self.cost).priority(self.priority);
        match self.request_id {
            Some(request_id) => call.request_id(request_id),
            None => call,
        }
    }
}

impl From<LimitState> for LimitLeft {
    fn from(state: LimitState) -> Self {
        let LimitState { limit, key, measure, remaining, reset_after, .. } = state;
        Self { name: limit, key, measure, remaining, reset_after_ms: ms_rounded_up(reset_after) }
    }
}
