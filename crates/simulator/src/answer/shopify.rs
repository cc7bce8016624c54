//! Shopify: REST with a bucket in one field, and GraphQL, which throttles with status 200.

use serde_json::{Value, json};

use super::answer::Answer;
use super::shape::{Refusal, Voice};
use crate::counter::Standing;
use crate::limit::Limit;

pub(super) fn refused(voice: &Voice, refusal: Refusal<'_>) -> Answer {
    let body = json!({"errors": "Exceeded 2 calls per second for api client. Reduce request rates to resume uninterrupted service."});
    let answer = remaining(Answer::json(429, &body), Standing { left: 0, ..refusal.standing });
    // A fraction, with one digit, which not every client can read.
    let tenths = refusal.wait.as_micros().div_ceil(100_000).max(1);
    voice.retry_after_as(answer, format!("{}.{}", tenths / 10, tenths % 10))
}

pub(super) fn remaining(answer: Answer, standing: Standing) -> Answer {
    let used = format!("{}/{}", standing.value - standing.left, standing.value);
    answer.with("X-Shopify-Shop-Api-Call-Limit", used)
}

pub(super) fn throttled(refusal: Refusal<'_>) -> Answer {
    let errors = json!([{"message": "Throttled", "extensions": {"code": "THROTTLED"}}]);
    let cost = cost(refusal.limit, refusal.standing, refusal.cost, &Value::Null);
    Answer::json(200, &json!({"errors": errors, "extensions": {"cost": cost}}))
}

pub(super) fn done(limit: &Limit, standing: Standing, asked: u64) -> Answer {
    let cost = cost(limit, standing, asked, &asked.into());
    Answer::json(200, &json!({"data": {}, "extensions": {"cost": cost}}))
}

fn cost(limit: &Limit, standing: Standing, asked: u64, actual: &Value) -> Value {
    let second_us = 1_000_000;
    let restored = u128::from(standing.value) * second_us / limit.window.as_micros().max(1);
    json!({
        "requestedQueryCost": asked,
        "actualQueryCost": actual,
        "throttleStatus": {
            "maximumAvailable": standing.value,
            "currentlyAvailable": standing.left,
            "restoreRate": u64::try_from(restored).unwrap_or(u64::MAX),
        },
    })
}
