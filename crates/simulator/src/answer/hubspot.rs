//! `HubSpot`: fields for its interval, and for the day.

use std::time::Duration;

use serde_json::json;

use super::answer::Answer;
use super::shape::{Refusal, Voice};
use crate::counter::Standing;
use crate::limit::Limit;

const DAY: Duration = Duration::from_secs(86_400);

pub(super) fn refused(voice: &Voice, refusal: Refusal<'_>) -> Answer {
    let policy = if is_daily(refusal.limit) { "DAILY" } else { "TEN_SECONDLY_ROLLING" };
    let body = json!({
        "status": "error",
        "message": "You have reached your limit.",
        "errorType": "RATE_LIMIT",
        "policyName": policy,
        "correlationId": refusal.context,
    });
    let standing = Standing { left: 0, ..refusal.standing };
    let answer = remaining(Answer::json(429, &body), refusal.limit, standing);
    voice.retry_after(answer, refusal.wait)
}

pub(super) fn remaining(answer: Answer, limit: &Limit, standing: Standing) -> Answer {
    if is_daily(limit) {
        return answer
            .with("X-HubSpot-RateLimit-Daily", standing.value.to_string())
            .with("X-HubSpot-RateLimit-Daily-Remaining", standing.left.to_string());
    }
    answer
        .with("X-HubSpot-RateLimit-Max", standing.value.to_string())
        .with("X-HubSpot-RateLimit-Remaining", standing.left.to_string())
        .with("X-HubSpot-RateLimit-Interval-Milliseconds", limit.window.as_millis().to_string())
}

fn is_daily(limit: &Limit) -> bool {
    limit.window >= DAY
}
