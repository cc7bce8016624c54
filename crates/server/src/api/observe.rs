//! `POST /v1/{ns}/observe`: takes up what the provider has answered to a call, for the whole fleet.

use std::fmt;

use axum::extract::State;
use axum::{Extension, Json};
use serde::Deserialize;
use serde_json::value::RawValue;
use tollgate::provider::Answer;
use tollgate::{CallError, Error};
use utoipa::ToSchema;

use super::call::AskedCall;
use super::ms_rounded_up;
use crate::access::Caller;
use crate::app::App;
use crate::body;
use crate::clock;
use crate::description::{IN_NAMESPACE, OF_STORE, WITH_BODY, problems};
use crate::object::Object;
use crate::params::NoQuery;
use crate::problem::{Kind, Problem};

mod headers;
mod observed;
mod status;

use headers::Headers;
use observed::Observed;
use status::Status;

/// Largest request. Adapters look at 64 KiB of a provider's body unless they say otherwise, and written as a text in
/// JSON that may take some times as much.
const BYTES_MAX: usize = 256 << 10;

/// What the provider has answered, and to which call. At least one of permit and call.
#[derive(Deserialize, ToSchema)]
#[schema(as = ObserveRequest)]
#[serde(deny_unknown_fields)]
pub(crate) struct Told {
    /// `permit` of a granted answer, settled or not. It tells when the call was granted, and by which limits.
    permit: Option<String>,
    /// The call. It tells for which calls a limit holds that the policy does not know.
    #[schema(value_type = Option<AskedCall>)]
    call: Option<Object<AskedCall>>,
    /// The status of the provider's answer.
    #[schema(value_type = u16, minimum = 100, maximum = 599)]
    status: Status,
    #[schema(schema_with = headers::schema)]
    #[serde(default)]
    headers: Headers,
    /// Its body: a text as it was, or any other JSON value where it was JSON. Null, or nothing, if it was not read.
    #[schema(value_type = Option<serde_json::Value>)]
    body: Option<Box<RawValue>>,
}

problems!(NotTaken: IN_NAMESPACE, WITH_BODY, OF_STORE, &[Kind::UNKNOWN_PERMIT, Kind::INVALID_CALL, Kind::INVALID_VALUE]);

/// Takes up what the provider has answered to a call, for the whole fleet.
///
/// A call that was throttled pauses a bucket for all replicas, from their next grant on: of the limit that the provider
/// names, or else of the one that explains it best. It begins empty after the pause, at a pace that is cut once a
/// window and raised again while it is used. A limit that the provider names and the policy does not know is added to
/// the policy, if the call is there. An answer that says nothing of limits costs no call of the store. The permit stays
/// as it is: it is neither settled nor renewed. `docs/POLICY.md` has the rules.
#[utoipa::path(
    post,
    path = "/observe",
    operation_id = "observe",
    tag = "permits",
    security(("key" = ["acquire"])),
    request_body(
        content = Told,
        description = "At most 256 KiB. Of a longer body of the provider leave out the end, or all.",
        example = json!({
            "call": {"method": "GET", "path": "/api/v2/users", "org": "acme", "client": "app-1"},
            "status": 429,
            "headers": {"retry-after": "42"},
            "body": {"limit": {"namespace": "directory", "key": "user.rate.per.minute", "value": 180}}
        })
    ),
    responses(
        (
            status = 200,
            description = "Taken up. What the answer says, and what came of it.",
            body = Observed,
            examples(
                ("refused" = (value = json!({
                    "throttled": true, "wait_ms": 42000, "wait_source": "told",
                    "provider_limit": {"name": "directory/user.rate.per.minute", "value": 180},
                    "paused": {
                        "name": "users", "key": "acme", "pause_ms": 42000, "pace_percent": 91, "news": true, "cut": true
                    },
                    "quotas": []
                }))),
                ("nothing said" = (value = json!({"throttled": false, "quotas": []})))
            )
        ),
        NotTaken
    )
)]
pub(crate) async fn observe(
    State(app): State<App>,
    caller: Option<Extension<Caller>>,
    _: NoQuery,
    body::Json(told): body::Json<Told, BYTES_MAX>,
) -> Result<Json<Observed>, Problem> {
    let Told { permit, call, status, headers, body } = told;
    let body = body.map(|body| bytes_of(&body)).transpose()?;
    let answer = Answer {
        status: status.number(),
        headers: headers.fields(),
        body: body.as_deref(),
        received_at: clock::now(),
    };
    let call = call.map(|Object(call)| call.into_call());
    let observe = match (&permit, &call) {
        (Some(id), None) => of_permit(&app, id, &answer)?,
        (Some(id), Some(call)) => of_permit(&app, id, &answer)?.call(call),
        (None, Some(call)) => app.gate.observe_call(call, &answer),
        (None, None) => {
            let detail = "expected the permit of the call that was answered, the call, or both";
            return Err(Problem::new(Kind::INVALID_VALUE, detail).field("permit"));
        }
    };
    let by = caller.map(|Extension(caller)| caller.author());
    let observation = observe.author(by.clone().unwrap_or_default()).await.map_err(problem)?;
    if let Some(pause) = observation.pause.as_ref().filter(|pause| pause.is_news) {
        let (limit, key, wait_ms) = (&pause.limit, &pause.key, ms_rounded_up(pause.wait));
        tracing::info!(
            limit,
            key,
            wait_ms,
            by,
            "told that the provider has refused a call: a bucket is paused"
        );
    }
    Ok(Json(observation.into()))
}

fn of_permit<'a>(app: &'a App, id: &str, answer: &Answer<'_>) -> Result<tollgate::Observe<'a>, Problem> {
    app.gate.observe_permit_id(id, answer).map_err(|error| Problem::from(error).field("permit"))
}

fn bytes_of(body: &RawValue) -> Result<Vec<u8>, Problem> {
    if !body.get().starts_with('"') {
        return Ok(body.get().as_bytes().to_vec());
    }
    let text: String = serde_json::from_str(body.get())
        .map_err(|error| Problem::new(Kind::MALFORMED, error.to_string()).field("body"))?;
    Ok(text.into_bytes())
}

/// An observed call has no cost of its own: it can only be too large by its query.
fn problem(error: Error) -> Problem {
    let is_too_large = matches!(error, Error::Call(CallError::CostAboveBurst { .. }));
    let problem = Problem::from(error);
    if is_too_large { problem.field("call.path") } else { problem }
}

/// By hand, without the permit, and without what the provider has answered, which may hold secrets.
impl fmt::Debug for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Told").field("call", &self.call).field("status", &self.status).finish_non_exhaustive()
    }
}
