//! Who changes something, and what for, as requests say it.

use std::str;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use tollgate::Change;
use utoipa::IntoParams;

use crate::access::Caller;
use crate::problem::{Kind, Problem};

/// Who changes it, and what for. Kept with what is changed, and told with it.
const AUTHOR: HeaderName = HeaderName::from_static("tollgate-author");
const REASON: HeaderName = HeaderName::from_static("tollgate-reason");

/// Who changes it where nobody says so, and nobody is asked for a key.
const AUTHOR_DEFAULT: &str = "unknown";

/// Who makes a change, and what for.
#[derive(Debug)]
pub(crate) struct By(pub(crate) Change);

/// The header fields that say it, as the description of the API has them.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "they are read by their names")]
pub(crate) struct ByFields {
    /// Who makes the change, at most 256 bytes; `unknown` by default. Not heeded where the request has a key: then it
    /// is the key's label and id.
    #[param(rename = "Tollgate-Author", max_length = 256, example = "ann")]
    author: Option<String>,
    /// What for, at most 1,024 bytes.
    #[param(rename = "Tollgate-Reason", max_length = 1_024, example = "a higher tier")]
    reason: Option<String>,
}

impl<S: Sync> FromRequestParts<S> for By {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let said = text_of(&parts.headers, &AUTHOR, Change::AUTHOR_BYTES_MAX)?.unwrap_or(AUTHOR_DEFAULT);
        // Nobody signs with another one's name who has one of his own.
        let author = parts.extensions.get::<Caller>().map_or_else(|| said.to_owned(), Caller::author);
        let reason = text_of(&parts.headers, &REASON, Change::REASON_BYTES_MAX)?.unwrap_or_default();
        Ok(Self(Change { author, reason: reason.to_owned() }))
    }
}

impl By {
    /// With a reason of our own where none is given.
    pub(crate) fn or_reason(self, reason: impl FnOnce() -> String) -> Change {
        let Self(mut change) = self;
        if change.reason.is_empty() {
            change.reason = reason();
        }
        change
    }
}

/// The same of a change that was made, as header fields.
pub(crate) fn fields_of(author: &str, reason: &str) -> impl Iterator<Item = (HeaderName, HeaderValue)> {
    let texts = [(AUTHOR, author), (REASON, reason)].map(|(name, text)| {
        let value = HeaderValue::from_bytes(text.as_bytes()).ok()?;
        Some((name, value)).filter(|_| !text.is_empty())
    });
    texts.into_iter().flatten()
}

fn text_of<'a>(
    headers: &'a HeaderMap,
    name: &HeaderName,
    bytes_max: usize,
) -> Result<Option<&'a str>, Problem> {
    let Some(value) = headers.get(name) else {
        return Ok(None);
    };
    let text = str::from_utf8(value.as_bytes()).ok().filter(|text| text.len() <= bytes_max);
    let text = text.filter(|text| !text.contains(char::is_control));
    text.map(Some).ok_or_else(|| {
        let detail =
            format!("{name} takes at most {bytes_max} bytes of UTF-8 text without control characters");
        Problem::new(Kind::INVALID_VALUE, detail).field(name.as_str())
    })
}
