//! Which requests can safely be sent again, and when.

use std::time::Duration;

use reqwest::Method;
use tollgate::provider::Execution;

use crate::answered::Answered;

/// When a request is sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Again {
    /// As soon as its limits let it pass: the fleet waits already.
    WhenGranted,
    /// After the time that the provider has told.
    Told(Duration),
    /// After a time that nobody has told.
    Guessed,
}

/// Whether doing it twice is as good as doing it once (RFC 9110, 9.2.2).
fn is_idempotent(method: &Method) -> bool {
    [Method::GET, Method::HEAD, Method::OPTIONS, Method::PUT, Method::DELETE].contains(method)
}

/// Whether and when a request is sent again after this answer.
pub(crate) fn after_answer(method: &Method, answered: &Answered) -> Option<Again> {
    if let Some(throttled) = &answered.reading.throttled {
        let is_safe = throttled.execution == Execution::NotExecuted || is_idempotent(method);
        let again =
            if answered.is_paused { Again::WhenGranted } else { Again::Told(throttled.wait.duration) };
        return is_safe.then_some(again);
    }
    let is_unavailable = answered.response.status() == http::StatusCode::SERVICE_UNAVAILABLE;
    (is_unavailable && is_idempotent(method))
        .then(|| answered.unavailable_for.map_or(Again::Guessed, Again::Told))
}

/// Whether and when a request is sent again that was not answered. One that has timed out is not: it may still be at
/// work, and its caller has waited as long as was to be waited.
pub(crate) fn after_error(method: &Method, error: &reqwest_middleware::Error) -> Option<Again> {
    let reqwest_middleware::Error::Reqwest(error) = error else { return None };
    let is_connection = error.is_connect() || (error.is_request() && !error.is_timeout());
    (is_connection && is_idempotent(method)).then_some(Again::Guessed)
}
