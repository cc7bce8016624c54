//! Slack: a header and one word.

use serde_json::json;

use super::answer::Answer;
use super::shape::{Refusal, Voice};

pub(super) fn refused(voice: &Voice, refusal: Refusal<'_>) -> Answer {
    voice.retry_after(Answer::json(429, &json!({"ok": false, "error": "ratelimited"})), refusal.wait)
}
