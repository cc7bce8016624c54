//! From an HTTP request to a call, whatever bytes it is made of.

use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use crate::arrival::Arrival;
use crate::oauth::{Caller, TokenRequest};

/// The token that a request carries, if it carries one.
pub(super) fn bearer(parts: &Parts) -> Option<&str> {
    authorization(parts, "bearer")
}

/// The call that a request is, of the caller whose token it carries.
pub(super) fn arrival(parts: &Parts, caller: &Caller) -> Arrival {
    Arrival {
        org: caller.org.clone(),
        client: caller.client.clone(),
        token: bearer(parts).unwrap_or_default().to_owned(),
        user: String::new(),
        method: parts.method.as_str().to_owned(),
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
    }
}

/// The request for a token that a request and its form are. What can't be read is empty, and then refused.
pub(super) fn token(parts: &Parts, form: &[u8]) -> TokenRequest {
    let decoded = authorization(parts, "basic").and_then(|text| BASE64_STANDARD.decode(text).ok());
    let credentials = decoded.and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default();
    let (client, secret) = credentials.split_once(':').unwrap_or_default();
    let grant = form_urlencoded::parse(form).find(|(name, _)| name == "grant_type");
    TokenRequest {
        client: client.to_owned(),
        secret: secret.to_owned(),
        grant_type: grant.map(|(_, value)| value.into_owned()).unwrap_or_default(),
    }
}

/// What stands behind the scheme, where it is this one.
fn authorization<'a>(parts: &'a Parts, scheme: &str) -> Option<&'a str> {
    let value = parts.headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (given, rest) = value.split_once(' ')?;
    given.eq_ignore_ascii_case(scheme).then(|| rest.trim())
}
