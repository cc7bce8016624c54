//! One request to a token endpoint.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderValue, StatusCode, header};
use reqwest::Response;
use reqwest_middleware::ClientWithMiddleware;
use secrecy::ExposeSecret;
use serde::Deserialize;
use tollgate::provider::{Adapter, Answer, Throttled, WaitSource};

use super::credentials::Credentials;
use super::error::TokenError;
use super::token::Token;
use crate::clock;

/// How long an answer is waited for: callers have deadlines, the request goes on without them.
const TIMEOUT: Duration = Duration::from_secs(30);
/// More than any token endpoint writes.
const BODY_BYTES_MAX: usize = 64 * 1024;

const GRANT: &str = "grant_type=client_credentials";

/// The codes of RFC 6749 section 5.2. No other text of the endpoint gets into an error: it might repeat what it was
/// sent.
const CODES: [&str; 6] = [
    "invalid_request",
    "invalid_client",
    "invalid_grant",
    "unauthorized_client",
    "unsupported_grant_type",
    "invalid_scope",
];

/// Why there is no token this time.
#[derive(Debug)]
pub(super) enum Failed {
    /// The endpoint throttles. How long to wait, where it tells.
    Throttled(Option<Duration>),
    Otherwise(TokenError),
}

/// What an endpoint gives.
#[derive(Deserialize)]
struct Given {
    access_token: String,
    token_type: Option<String>,
    /// In seconds.
    expires_in: Option<u64>,
}

#[derive(Deserialize)]
struct Refusal {
    error: String,
}

/// Asks the endpoint once.
pub(super) async fn fetch(
    http: &ClientWithMiddleware,
    adapter: &Adapter,
    credentials: &Credentials,
) -> Result<Token, Failed> {
    let asked_at = clock::now();
    let request = http
        .post(credentials.endpoint.clone())
        .basic_auth(&credentials.client_id, Some(credentials.secret.expose_secret()))
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .header(header::ACCEPT, "application/json")
        .timeout(TIMEOUT)
        .body(GRANT);
    let mut answer = request.send().await.map_err(unreachable)?;
    let received_at = clock::date();
    let status = answer.status();
    let body = read(&mut answer).await?;
    if status.is_success() {
        let given: Given =
            serde_json::from_slice(&body).map_err(|_| unusable("it is no JSON with an access_token"))?;
        return taken(given, asked_at);
    }
    let read = Answer { status: status.as_u16(), headers: answer.headers(), body: Some(&body), received_at };
    Err(refused(status, &body, adapter.read(&read).throttled.as_ref()))
}

/// The body, as much of it as can be a token's.
async fn read(answer: &mut Response) -> Result<Vec<u8>, Failed> {
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(|error| unreachable(error.into()))? {
        body.extend_from_slice(&chunk);
        if body.len() > BODY_BYTES_MAX {
            return Err(unusable("its answer is longer than 64 KiB"));
        }
    }
    Ok(body)
}

fn taken(given: Given, asked_at: clock::Instant) -> Result<Token, Failed> {
    if given.token_type.is_some_and(|kind| !kind.eq_ignore_ascii_case("bearer")) {
        return Err(unusable("its type is not bearer"));
    }
    if given.access_token.is_empty() {
        return Err(unusable("it is empty"));
    }
    let mut header = HeaderValue::try_from(format!("Bearer {}", given.access_token))
        .map_err(|_| unusable("it can't stand in a header field"))?;
    header.set_sensitive(true);
    Ok(Token::new(header, given.expires_in.map(Duration::from_secs), asked_at))
}

fn refused(status: StatusCode, body: &[u8], throttled: Option<&Throttled>) -> Failed {
    if let Some(Throttled { wait, .. }) = throttled {
        return Failed::Throttled((wait.source == WaitSource::Told).then_some(wait.duration));
    }
    let is_passing = status == StatusCode::REQUEST_TIMEOUT || status == StatusCode::TOO_MANY_REQUESTS;
    if !status.is_client_error() || is_passing {
        return Failed::Otherwise(TokenError::Unavailable { status: status.as_u16() });
    }
    let said = serde_json::from_slice(body).map(|refusal: Refusal| refusal.error).unwrap_or_default();
    let code = CODES.into_iter().find(|&code| code == said).unwrap_or("no known error code");
    Failed::Otherwise(TokenError::Rejected { status: status.as_u16(), code })
}

fn unreachable(error: reqwest_middleware::Error) -> Failed {
    // The address of an endpoint may itself hold a secret.
    let source = Arc::new(error.without_url());
    Failed::Otherwise(TokenError::Unreachable { source })
}

fn unusable(detail: &'static str) -> Failed {
    Failed::Otherwise(TokenError::Unusable { detail })
}
