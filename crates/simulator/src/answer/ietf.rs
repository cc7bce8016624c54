//! The structured fields of the IETF draft, with its problem type.

use serde_json::json;

use super::answer::Answer;
use super::shape::{Refusal, Voice};
use crate::counter::Standing;
use crate::limit::Limit;
use crate::time::whole_seconds;

pub(super) fn refused(voice: &Voice, refusal: Refusal<'_>) -> Answer {
    let kind = if voice.throttle.status == 503 { "temporary-reduced-capacity" } else { "quota-exceeded" };
    let mut body = json!({
        "type": format!("https://iana.org/assignments/http-problem-types#{kind}"),
        "title": "request cannot be satisfied, as an assigned quota has been exceeded",
        "status": voice.throttle.status,
    });
    if refusal.limit.said {
        body["violated-policies"] = json!([refusal.limit.name.key()]);
    }
    let mut standing = refusal.standing;
    (standing.left, standing.reset) = (0, refusal.wait);
    let answer = remaining(Answer::json(voice.throttle.status, &body), refusal.limit, standing);
    voice.retry_after(answer, refusal.wait)
}

pub(super) fn remaining(answer: Answer, limit: &Limit, standing: Standing) -> Answer {
    let (key, window) = (limit.name.key(), whole_seconds(limit.window));
    let policy = format!("\"{key}\";q={};w={window}", standing.value);
    let left = format!("\"{key}\";r={};t={}", standing.left, whole_seconds(standing.reset));
    answer.with("RateLimit-Policy", policy).with("RateLimit", left)
}
