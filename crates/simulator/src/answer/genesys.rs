//! Genesys Cloud: nothing on success; a body that may name the limit, and always tells the seconds, on refusal.

use serde_json::json;

use super::answer::Answer;
use super::shape::{Refusal, Voice};
use crate::config::Code;
use crate::time::whole_seconds;

/// Every answer has it; support asks for it.
pub(super) const CORRELATION: &str = "ININ-Correlation-Id";

pub(super) fn refused(voice: &Voice, refusal: Refusal<'_>) -> Answer {
    let seconds = whole_seconds(refusal.wait);
    let code = match voice.throttle.code {
        Code::RetryAfter => "too.many.requests.retry.after",
        Code::Plain => "too.many.requests",
    };
    let mut body = json!({
        "message": format!("Rate limit exceeded the maximum. Retry the request in [{seconds}] seconds"),
        "code": code,
        "status": 429,
        "contextId": refusal.context,
        "details": [],
        "errors": [],
    });
    if refusal.limit.said {
        let name = &refusal.limit.name;
        body["limit"] =
            json!({"key": name.key(), "namespace": name.namespace(), "value": refusal.standing.value});
    }
    let answer = Answer::json(429, &body).with(CORRELATION, refusal.context);
    voice.retry_after(answer, refusal.wait)
}
