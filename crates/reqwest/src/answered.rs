//! An answer of the provider: read as far as it is of use, told to the fleet, and passed on whole.

use std::time::Duration;

use futures_util::FutureExt;
use http::header::CONTENT_ENCODING;
use http::{HeaderMap, response};
use reqwest::{Body, Response, ResponseBuilderExt, Url};
use tollgate::provider::{Adapter, Answer, Reading, WaitSource};
use tollgate::{Call, Mode, Pause, Permit, Tollgate};

use crate::body::AnswerBody;
use crate::clock;
use crate::in_flight::InFlight;

/// How long the beginning of a body is waited for. What says that a call was throttled is short and comes with its
/// head; a stream that has only just begun must reach the caller.
const BODY_WAIT: Duration = Duration::from_secs(2);

/// Reads `Retry-After` off a 503, whichever the provider's own adapter is.
const GENERIC: &str = "generic";

/// An answer, and what it says.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) response: Response,
    pub(crate) reading: Reading,
    /// Whether the fleet waits because of it, and so does the next acquire of this call.
    pub(crate) is_paused: bool,
    /// How long a 503 asks to wait that is no refusal by a limit.
    pub(crate) unavailable_for: Option<Duration>,
}

impl Answered {
    /// Takes up the answer to a call. It was sent without a permit where there is none.
    pub(crate) async fn take(
        gate: &Tollgate,
        call: &Call,
        permit: Option<Permit>,
        response: Response,
    ) -> Self {
        let received_at = clock::date();
        let wanted = bytes_wanted(&gate.adapter(), &response);
        let url = response.url().clone();
        let (parts, body) = http::Response::from(response).into_parts();
        let mut body = AnswerBody::new(body);
        if wanted > 0 {
            let _ = clock::by(clock::after(BODY_WAIT), body.read(wanted)).await;
        }
        let beginning = (wanted > 0).then(|| body.beginning(wanted));
        let answer = Answer {
            status: parts.status.as_u16(),
            headers: &parts.headers,
            body: beginning.as_deref(),
            received_at,
        };
        let (reading, is_paused) = tell(gate, call, permit.as_ref(), &answer).await;
        let unavailable_for = unavailable_for(&answer);
        let in_flight = permit.map(|permit| InFlight::new(permit, reading.cost));
        // Where nobody counts calls in flight it is over now.
        let in_flight = in_flight.filter(InFlight::is_counted);
        let response = whole(parts, body.hold(in_flight), url);
        Self { response, reading, is_paused, unavailable_for }
    }
}

/// How much of the body is looked at. Compressed, it would be read as what it is not.
fn bytes_wanted(adapter: &Adapter, response: &Response) -> usize {
    if is_encoded(response.headers()) { 0 } else { adapter.body_bytes(response.status().as_u16()) }
}

fn is_encoded(headers: &HeaderMap) -> bool {
    headers.get_all(CONTENT_ENCODING).iter().any(|value| !value.as_bytes().eq_ignore_ascii_case(b"identity"))
}

/// Tells the fleet. What it says, and whether a bucket is paused for it.
async fn tell(gate: &Tollgate, call: &Call, permit: Option<&Permit>, answer: &Answer<'_>) -> (Reading, bool) {
    let telling = match permit {
        Some(permit) => gate.observe(permit, answer).call(call),
        None => gate.observe_call(call, answer),
    };
    let reading = telling.reading().clone();
    let mut told = telling.into_future();
    // Once polled it is on its way. Only whoever was throttled has to know what came of it.
    let told = if reading.throttled.is_some() { Some(told.await) } else { (&mut told).now_or_never() };
    let is_paused = match told {
        Some(Ok(observation)) => observation.pause.is_some_and(|pause| holds(&pause, permit)),
        Some(Err(error)) => {
            tracing::warn!(error = &error as &dyn std::error::Error, "the fleet was not told of an answer");
            false
        }
        None => false,
    };
    (reading, is_paused)
}

/// Whether the next acquire of the call waits for the end of this pause. A limit that is only observed has none wait.
fn holds(pause: &Pause, permit: Option<&Permit>) -> bool {
    let is_observed = |permit: &Permit| {
        permit.limits().any(|state| state.limit == pause.limit && state.mode == Mode::Observe)
    };
    !pause.wait.is_zero() && permit.is_some_and(|permit| !is_observed(permit))
}

/// How long a 503 asks to wait, by its `Retry-After`.
fn unavailable_for(answer: &Answer<'_>) -> Option<Duration> {
    let generic = (answer.status == 503).then(|| Adapter::built_in(GENERIC))??;
    let wait = generic.read(answer).throttled?.wait;
    (wait.source == WaitSource::Told).then_some(wait.duration)
}

/// The response as it came.
fn whole(mut parts: response::Parts, body: AnswerBody, url: Url) -> Response {
    // The address that was answered goes from one type of response to the other by an extension that has no other way
    // in.
    if let Ok(marked) = http::Response::builder().url(url).body(()) {
        parts.extensions.extend(marked.into_parts().0.extensions);
    }
    http::Response::from_parts(parts, Body::wrap(body)).into()
}
