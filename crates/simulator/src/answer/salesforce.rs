//! Salesforce: what was used of how much, and 403 when it is all.

use serde_json::json;

use super::answer::Answer;
use super::shape::Refusal;
use crate::counter::Standing;

pub(super) fn refused(refusal: Refusal<'_>) -> Answer {
    let body = json!([{"message": "TotalRequests Limit exceeded.", "errorCode": "REQUEST_LIMIT_EXCEEDED"}]);
    remaining(Answer::json(403, &body), Standing { left: 0, ..refusal.standing })
}

pub(super) fn remaining(answer: Answer, standing: Standing) -> Answer {
    answer
        .with("Sforce-Limit-Info", format!("api-usage={}/{}", standing.value - standing.left, standing.value))
}
