//! Every error as `application/problem+json` (RFC 9457): what went wrong, where, and what would be right.

mod failure;
mod kind;

pub(crate) use kind::Kind;

use std::time::Duration;

use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::outage_log::StoreFailed;

/// How long to wait, in seconds, where it is not the limits that refuse, and nothing else is known.
const RETRY_AFTER_S: u32 = 1;

/// How to say who one is (RFC 6750).
const CHALLENGE: HeaderValue = HeaderValue::from_static("Bearer realm=\"tollgate\"");

/// Longest text and longest field, in characters: names that were sent are repeated, and may be of any length.
const DETAIL_CHARS_MAX: usize = 4_096;
const FIELD_CHARS_MAX: usize = 256;

/// An answer that says why there is no other.
#[derive(Debug)]
pub(crate) struct Problem {
    kind: Kind,
    detail: String,
    field: Option<String>,
    problems: Vec<tollgate::Problem>,
    retry_after_s: u32,
}

/// Why there is no other answer (RFC 9457).
#[derive(Serialize, ToSchema)]
#[schema(as = Problem)]
pub(crate) struct Written<'a> {
    /// The kind of problem.
    #[schema(pattern = "^urn:tollgate:problem:[a-z-]+$")]
    r#type: String,
    /// The kind in words.
    title: &'static str,
    #[schema(minimum = 400, maximum = 599)]
    status: u16,
    /// What is wrong, and what would be right.
    detail: &'a str,
    /// The field of the request that is wrong, such as `call.org`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    field: Option<&'a str>,
    /// All that is wrong with a policy.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    problems: &'a [tollgate::Problem],
}

impl Problem {
    pub(crate) fn new(kind: Kind, detail: impl Into<String>) -> Self {
        Self {
            kind,
            detail: cut(detail.into(), DETAIL_CHARS_MAX),
            field: None,
            problems: Vec::new(),
            retry_after_s: RETRY_AFTER_S,
        }
    }

    /// The field of the request that is wrong, as a path such as `call.org`.
    pub(crate) fn field(mut self, field: impl Into<String>) -> Self {
        self.field = Some(cut(field.into(), FIELD_CHARS_MAX));
        self
    }

    /// After which time the same request may succeed, in whole seconds, rounded up.
    pub(crate) fn retry_after(mut self, wait: Duration) -> Self {
        let whole = u32::try_from(wait.as_secs()).unwrap_or(u32::MAX);
        self.retry_after_s = whole.saturating_add(u32::from(wait.subsec_nanos() > 0)).max(1);
        self
    }

    /// All that is wrong, where it was told at once.
    pub(crate) fn problems(mut self, problems: &[tollgate::Problem]) -> Self {
        self.problems = problems.to_vec();
        self
    }
}

/// A text without what is beyond its longest.
fn cut(mut text: String, chars_max: usize) -> String {
    if let Some((end, _)) = text.char_indices().nth(chars_max) {
        text.truncate(end);
        text.push_str("...");
    }
    text
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let Self { kind, detail, field, problems, retry_after_s } = self;
        let written = Written {
            r#type: kind.urn(),
            title: kind.title(),
            status: kind.status().as_u16(),
            detail: &detail,
            field: field.as_deref(),
            problems: &problems,
        };
        // Texts and numbers can't fail to be written.
        let body = serde_json::to_vec(&written).unwrap_or_default();
        let content_type = [(header::CONTENT_TYPE, "application/problem+json")];
        let mut response = (kind.status(), content_type, body).into_response();
        if kind.passes() {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(retry_after_s));
        }
        if kind == Kind::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, CHALLENGE);
        }
        if kind.is_of_store() {
            response.extensions_mut().insert(StoreFailed(detail));
        }
        response
    }
}
