//! Bodies, read whole within a size and a time, and JSON bodies whose errors name the field.

use std::time::Duration;

use axum::body::Body;
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, header};
use futures_util::StreamExt;
use serde::de::DeserializeOwned;
use serde_path_to_error::Segment;

use crate::object::Object;
use crate::problem::{Kind, Problem};

/// How long a body may take to arrive.
const BODY_WITHIN: Duration = Duration::from_secs(10);

/// How much of a body that is too large is read all the same: a client that is cut off while it still sends may never
/// see the answer.
const DISCARDED_BYTES_MAX: usize = 4 << 20;

/// Largest JSON body, unless a handler takes larger ones. A call with all its values at their longest has 21 KiB.
const JSON_BYTES_MAX: usize = 64 << 10;

/// A body as JSON, of so many bytes at most.
#[derive(Debug)]
pub(crate) struct Json<T, const BYTES_MAX: usize = JSON_BYTES_MAX>(pub(crate) T);

impl<S: Sync, T: DeserializeOwned, const BYTES_MAX: usize> FromRequest<S> for Json<T, BYTES_MAX> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let media_type = media_type(request.headers());
        check_coding(request.headers())?;
        let bytes = read(request.into_body(), BYTES_MAX).await?;
        if media_type != "application/json" {
            return Err(Problem::new(
                Kind::UNSUPPORTED_MEDIA_TYPE,
                format!("the body is {media_type:?}, expected \"content-type: application/json\""),
            ));
        }
        from_json(&bytes).map(Self)
    }
}

/// The media type that the body claims to be of, without its parameters, in lower case; "" if none, or more than one.
pub(crate) fn media_type(headers: &HeaderMap) -> String {
    let mut values = headers.get_all(header::CONTENT_TYPE).into_iter();
    let only = values.next().filter(|_| values.next().is_none());
    let value = only.and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// Bodies are read as they come: one that was compressed would look malformed.
pub(crate) fn check_coding(headers: &HeaderMap) -> Result<(), Problem> {
    let mut codings = headers.get_all(header::CONTENT_ENCODING).into_iter();
    if codings.all(|coding| coding.as_bytes().eq_ignore_ascii_case(b"identity")) {
        return Ok(());
    }
    let problem = Problem::new(Kind::UNSUPPORTED_MEDIA_TYPE, "expected a body that is not compressed");
    Err(problem.field(header::CONTENT_ENCODING.as_str()))
}

/// Reads a body of at most `bytes_max` bytes.
pub(crate) async fn read(body: Body, bytes_max: usize) -> Result<Vec<u8>, Problem> {
    let arrived = tokio::time::timeout(BODY_WITHIN, arrive(body, bytes_max)).await;
    arrived.unwrap_or_else(|_| {
        Err(Problem::new(Kind::REQUEST_TIMEOUT, format!("the body has not arrived within {BODY_WITHIN:?}")))
    })
}

async fn arrive(body: Body, bytes_max: usize) -> Result<Vec<u8>, Problem> {
    let mut chunks = body.into_data_stream();
    let mut bytes = Vec::new();
    let mut seen = 0;
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|_| Problem::new(Kind::MALFORMED, "the body breaks off"))?;
        seen += chunk.len();
        if seen <= bytes_max {
            bytes.extend_from_slice(&chunk);
        } else if seen > bytes_max + DISCARDED_BYTES_MAX {
            break;
        }
    }
    if seen > bytes_max {
        return Err(Problem::new(Kind::TOO_LARGE, format!("the body may have at most {bytes_max} bytes")));
    }
    Ok(bytes)
}

fn from_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let Object(value) = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        // The type's name says nothing to those who write in other languages.
        let message = error.inner().to_string();
        let message = message.replacen(", expected u32", ", expected a whole number, 0 to 4294967295", 1);
        let problem = Problem::new(Kind::MALFORMED, &message);
        match field_of(error.path(), &message) {
            field if field.is_empty() => problem,
            field => problem.field(field),
        }
    })?;
    reader.end().map_err(|error| Problem::new(Kind::MALFORMED, error.to_string()))?;
    Ok(value)
}

/// The path of a field. That of one that is missing, or there twice, ends where it should be.
pub(crate) fn field_of(path: &serde_path_to_error::Path, message: &str) -> String {
    let known = path.iter().filter_map(|segment| match segment {
        Segment::Map { key } => Some(key.as_str()),
        _ => None,
    });
    let named = ["missing field `", "duplicate field `"].iter().find_map(|words| message.strip_prefix(words));
    let named = named.and_then(|rest| rest.split('`').next());
    known.chain(named).collect::<Vec<_>>().join(".")
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::StatusCode;
    use axum::response::IntoResponse;

    /// A body that never ends is answered all the same. On a turned clock.
    #[tokio::test(start_paused = true)]
    async fn a_body_that_does_not_come_is_not_waited_for() {
        let never = futures_util::stream::pending::<Result<Vec<u8>, std::io::Error>>();
        let problem = read(Body::from_stream(never), JSON_BYTES_MAX).await.expect_err("it never came");
        assert_eq!(problem.into_response().status(), StatusCode::REQUEST_TIMEOUT);
    }
}
