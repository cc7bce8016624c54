//! What stands in the path and in the query of a request, with errors as problems.

use std::error::Error;
use std::iter;

use axum::extract::rejection::{QueryRejection, RawPathParamsRejection};
use axum::extract::{self, FromRequestParts, RawPathParams, Request, State};
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde::de::{DeserializeOwned, value};
use utoipa::IntoParams;

use crate::app::App;
use crate::body;
use crate::problem::{Kind, Problem};

/// The query, as a struct.
#[derive(Debug)]
pub(crate) struct Query<T>(pub(crate) T);

impl<S: Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let query = extract::Query::try_from_uri(&parts.uri);
        query.map(|extract::Query(query)| Self(query)).map_err(|error| unreadable(&error))
    }
}

/// The query of a request that takes none. Every handler below `/v1/{ns}` takes this or a [`Query`] of its own: a
/// parameter that is misspelt, or that another version knows, must not look as if it had been heeded.
pub(crate) type NoQuery = Query<Nothing>;

/// No parameters at all.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Nothing {}

/// The problem with a query, told by its field where the error, or one behind it, knows that.
fn unreadable(rejection: &QueryRejection) -> Problem {
    let problem = Problem::new(Kind::MALFORMED, in_words_of_queries(&rejection.body_text()));
    let mut errors = iter::successors(rejection.source(), |&error| error.source());
    let known = errors.find_map(<dyn Error>::downcast_ref::<serde_path_to_error::Error<value::Error>>);
    match known.map(|error| body::field_of(error.path(), &error.inner().to_string())) {
        Some(field) if !field.is_empty() => problem.field(field),
        _ => problem,
    }
}

/// What serde calls a field is a parameter here.
fn in_words_of_queries(message: &str) -> String {
    let message = message.replacen("unknown field", "unknown query parameter", 1);
    message.replacen("there are no fields", "expected none, as this request takes none", 1)
}

/// What the path of a permit names, beside the namespace.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct PermitPath {
    /// `permit` of a granted answer. Whoever has it can settle the permit and renew its lease.
    #[param(min_length = 1)]
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
