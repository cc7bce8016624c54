//! `POST /v1/{ns}/observe`: takes up what the provider has answered to a call, for the whole fleet.

use std::fmt;

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use serde_json::value::RawValue;
use tollgate::provider::Answer;
use tollgate::{CallError, Error};

use super::call::AskedCall;
use crate::app::App;
use crate::body;
use crate::clock;
use crate::object::Object;
use crate::params::NoQuery;
use crate::problem::{Kind, Problem};

mod headers;
mod observed;
mod status;

use headers::Headers;
use observed::Observed;
use status::Status;

/// Largest request. Adapters look at 64 KiB of a provider's body unless they say otherwise, and written as a text in JSON that
/// may take some times as much.
const BYTES_MAX: usize = 256 << 10;

/// What the provider has answered, and to which call.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Told {
    /// The permit of the call. It tells when that was granted, and by which limits.
    permit: Option<String>,
    /// The call. It tells for which calls a limit holds that the policy does not know.
    call: Option<Object<AskedCall>>,
    status: Status,
    #[serde(default)]
    headers: Headers,
    /// A text is the body as it was, anything else is a body of JSON.
    body: Option<Box<RawValue>>,
}

/// Reads the answer, and tells the fleet where it speaks of limits. The permit stays as it is.
pub(crate) async fn observe(
    State(app): State<App>,
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
    let observation = observe.await.map_err(problem)?;
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
