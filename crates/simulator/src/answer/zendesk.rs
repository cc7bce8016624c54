//! Zendesk: the limit of the account, and that of an endpoint in one field of its own.

use serde_json::json;

use super::answer::Answer;
use super::shape::{Refusal, Voice};
use crate::counter::Standing;
use crate::time::whole_seconds;

pub(super) fn refused(voice: &Voice, refusal: Refusal<'_>) -> Answer {
    let body = json!({"error": "APIRateLimitExceeded", "description": "Number of allowed API requests per minute exceeded"});
    let standing = Standing { left: 0, reset: refusal.wait, ..refusal.standing };
    voice.retry_after(remaining(Answer::json(429, &body), standing), refusal.wait)
}

pub(super) fn remaining(answer: Answer, standing: Standing) -> Answer {
    let (total, left) = (standing.value, standing.left);
    let index = format!("total={total}; remaining={left}; resets={}", whole_seconds(standing.reset));
    answer
        .with("X-Rate-Limit", total.to_string())
        .with("X-Rate-Limit-Remaining", left.to_string())
        .with("zendesk-ratelimit-tickets-index", index)
}
