//! An answer as it is looked at: its beginning, read as JSON at most once.

use super::answer::Answer;
use super::time::date;
use http::header::{DATE, HeaderName};
use serde_json::Value;
use std::cell::OnceCell;
use std::time::SystemTime;

/// Longest value of a header field that is looked at, in bytes; a longer one is as if it were not there.
const HEADER_BYTES_MAX: usize = 8 << 10;
/// Most fields of one name that are looked at.
const FIELDS_MAX: usize = 32;

/// An answer while it is read.
pub(super) struct View<'a> {
    pub(super) status: u16,
    answer: &'a Answer<'a>,
    body: &'a [u8],
    json: OnceCell<Option<Value>>,
}

impl<'a> View<'a> {
    /// A view of an answer and of so many bytes of its body.
    pub(super) fn new(answer: &'a Answer<'a>, body_bytes: usize) -> View<'a> {
        let body = answer.body.unwrap_or_default();
        let body = &body[..body.len().min(body_bytes)];
        View { status: answer.status, answer, body, json: OnceCell::new() }
    }

    /// The values of all fields of a name, in order, except those that are too long or are no text.
    pub(super) fn headers(&self, name: &HeaderName) -> impl Iterator<Item = &'a str> {
        let fields = self.answer.headers.get_all(name).iter().take(FIELDS_MAX);
        fields
            .filter(|value| value.len() <= HEADER_BYTES_MAX)
            .filter_map(|value| str::from_utf8(value.as_bytes()).ok())
    }

    /// The beginning of the body.
    pub(super) fn body(&self) -> &'a [u8] {
        self.body
    }

    /// The body, if it is JSON. One that is cut off is none; nor is one that nests deeper than 128 levels.
    pub(super) fn json(&self) -> Option<&Value> {
        self.json.get_or_init(|| serde_json::from_slice(self.body).ok()).as_ref()
    }

    /// Now, by the clock of the provider where the answer tells it: that is the clock by which it names points in time.
    pub(super) fn now(&self) -> SystemTime {
        self.headers(&DATE).find_map(date).unwrap_or(self.answer.received_at)
    }
}
