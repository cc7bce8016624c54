//! `X-RateLimit-*`, whose reset every provider counts in a unit of its own, and GitHub, which adds the bucket's name.

use serde_json::json;

use super::answer::Answer;
use super::shape::{Refusal, Voice};
use crate::config::Reset;
use crate::counter::Standing;
use crate::limit::Limit;
use crate::time::{Time, whole_seconds};

pub(super) fn refused(voice: &Voice, refusal: Refusal<'_>) -> Answer {
    let answer = Answer::json(429, &json!({"message": "too many requests"}));
    let answer = remaining(answer, voice, over(refusal), refusal.now);
    voice.retry_after(answer, refusal.wait)
}

pub(super) fn remaining(answer: Answer, voice: &Voice, standing: Standing, now: Time) -> Answer {
    let reset = match voice.throttle.reset {
        Reset::EpochSeconds => voice.epoch_after(now, standing.reset).to_string(),
        Reset::DeltaSeconds => whole_seconds(standing.reset).to_string(),
        Reset::DeltaMilliseconds => standing.reset.as_micros().div_ceil(1_000).to_string(),
    };
    answer
        .with("X-RateLimit-Limit", standing.value.to_string())
        .with("X-RateLimit-Remaining", standing.left.to_string())
        .with("X-RateLimit-Reset", reset)
}

/// A limit whose name is not said stands for GitHub's secondary limits, of which only the wait is told.
pub(super) fn refused_by_github(voice: &Voice, refusal: Refusal<'_>) -> Answer {
    let message = if refusal.limit.said {
        "API rate limit exceeded"
    } else {
        "You have exceeded a secondary rate limit"
    };
    let answer = Answer::json(voice.throttle.status, &json!({"message": message}));
    if refusal.limit.said {
        return remaining_at_github(answer, voice, (refusal.limit, over(refusal)), refusal.now);
    }
    voice.retry_after(answer, refusal.wait)
}

pub(super) fn remaining_at_github(
    answer: Answer,
    voice: &Voice,
    (limit, standing): (&Limit, Standing),
    now: Time,
) -> Answer {
    answer
        .with("x-ratelimit-limit", standing.value.to_string())
        .with("x-ratelimit-remaining", standing.left.to_string())
        .with("x-ratelimit-used", (standing.value - standing.left).to_string())
        .with("x-ratelimit-reset", voice.epoch_after(now, standing.reset).to_string())
        .with("x-ratelimit-resource", limit.name.key())
}

/// Nothing is left for whoever was refused, also where a cheaper call would pass.
fn over(refusal: Refusal<'_>) -> Standing {
    Standing { left: 0, reset: refusal.wait, ..refusal.standing }
}
