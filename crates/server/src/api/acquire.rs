//! `POST /v1/{ns}/acquire`: asks for a permit, and waits for it if the caller can.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use tollgate::{Call, Decision, LimitState, Measure, Permit, Priority, Refused};

use super::call::AskedCall;
use super::ms_rounded_up;
use crate::app::App;
use crate::body;
use crate::object::{self, Object};
use crate::params::NoQuery;
use crate::problem::{Kind, Problem};
use crate::ratelimit_fields;
use crate::shutdown::Stage;
use crate::span::Span;

/// What is asked for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Asked {
    call: Object<AskedCall>,
    /// In tokens.
    #[serde(default = "one")]
    cost: u32,
    #[serde(default, deserialize_with = "object::word")]
    priority: Priority,
    /// How long the caller can wait for it.
    #[serde(default)]
    max_wait: Span,
    /// Under the same one the same call is charged once.
    request_id: Option<String>,
}

/// The answer to a call that may be sent.
#[derive(Debug, Serialize)]
struct GrantedAnswer {
    granted: bool,
    permit: String,
    /// By the store's clock, in microseconds since 1970. Not there if no limit applies: the store was not asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    granted_at_us: Option<u64>,
    waited_ms: u64,
    /// How long the call counts as in flight unless a heartbeat renews it. Not there if no limit counts calls in flight.
    #[serde(skip_serializing_if = "Option::is_none")]
    lease_ms: Option<u64>,
    limits: Vec<LimitLeft>,
}

/// A limit on the path of a granted call, as it stood after the grant.
#[derive(Debug, Serialize)]
struct LimitLeft {
    name: String,
    key: String,
    measure: Measure,
    remaining: u64,
    reset_after_ms: u64,
}

/// The answer to a call that may not be sent yet.
#[derive(Debug, Serialize)]
struct RefusedAnswer {
    granted: bool,
    limited_by: LimitedBy,
    retry_after_ms: u64,
}

/// The limit that binds.
#[derive(Debug, Serialize)]
struct LimitedBy {
    name: String,
    key: String,
    measure: Measure,
}

/// Grants, or refuses with 429. A caller who hangs up while he waits leaves his place in line.
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
