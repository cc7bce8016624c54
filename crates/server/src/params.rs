//! What stands in the path and in the query of a request, with errors as problems.

use axum::extract::rejection::RawPathParamsRejection;
use axum::extract::{self, FromRequestParts, RawPathParams, Request, State};
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::app::App;
use crate::problem::{Kind, Problem};

/// The query, as a struct.
#[derive(Debug)]
pub(crate) struct Query<T>(pub(crate) T);

impl<S: Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let query = extract::Query::try_from_uri(&parts.uri);
        query
            .map(|extract::Query(query)| Self(query))
            .map_err(|error| Problem::new(Kind::MALFORMED, error.body_text()))
    }
}

/// What the path of a permit names, beside the namespace.
#[derive(Debug, Deserialize)]
pub(crate) struct PermitPath {
    pub(crate) id: String,
}

/// Lets requests pass whose `{ns}` is the namespace that is served.
pub(crate) async fn known_namespace(
    State(app): State<App>,
    params: Result<RawPathParams, RawPathParamsRejection>,
    request: Request,
    next: Next,
) -> Response {
    let Ok(params) = params else {
        return Problem::new(Kind::UNKNOWN_ROUTE, "the path is not UTF-8").into_response();
    };
    let served = app.gate.namespace();
    if params.iter().any(|(name, asked)| name == "ns" && asked == served) {
        return next.run(request).await;
    }
    let detail = format!("this service is for namespace {served}");
    Problem::new(Kind::UNKNOWN_NAMESPACE, detail).into_response()
}
