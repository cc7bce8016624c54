//! The routes, and what every request passes on its way to them.

use std::any::Any;

use axum::Router;
use axum::extract::{MatchedPath, Request};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use tollgate::Tollgate;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::trace::TraceLayer;
use tracing::{Level, Span};

use crate::api::{acquire, audit, buckets, health, limits, observe, permits, policy};
use crate::app::App;
use crate::host::{self, Hosts};
use crate::problem::{Kind, Problem};
use crate::shutdown::Shutdown;
use crate::{outage_log, params};

/// The API over a limiter, to be served by a server of one's own. Its namespace is the only one that is known.
///
/// It asks nobody who they are, and takes requests for whichever host: both are up to that server.
///
/// # Examples
/// ```no_run
/// # async fn example(gate: tollgate::Tollgate) -> std::io::Result<()> {
/// let listener = tokio::net::TcpListener::bind("127.0.0.1:8080").await?;
/// axum::serve(listener, tollgate_server::router(gate)).await
/// # }
/// ```
pub fn router(gate: Tollgate) -> Router {
    with_shutdown(gate, Shutdown::new(), Hosts::Any)
}

pub(crate) fn with_shutdown(gate: Tollgate, shutdown: Shutdown, hosts: Hosts) -> Router {
    let app = App::new(gate, shutdown);
    let namespace = Router::new()
        .route("/acquire", post(acquire::acquire))
        .route("/observe", post(observe::observe))
        .route("/permits/{id}/settle", post(permits::settle))
        .route("/permits/{id}/heartbeat", post(permits::heartbeat))
        .route("/permits/{id}", delete(permits::give_back))
        .route("/policy", get(policy::get).put(policy::put))
        .route("/limits", get(limits::get))
        .route("/buckets", get(buckets::get))
        .route("/audit", get(audit::get))
        .route("/audit/stream", get(audit::follow))
        .method_not_allowed_fallback(method_not_allowed)
        .route_layer(from_fn_with_state(app.clone(), params::known_namespace));
    let api = Router::new()
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz))
        .nest("/v1/{ns}", namespace)
        .fallback(nothing_here)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(from_fn_with_state(app.clone(), outage_log::note));
    let api = match hosts {
        Hosts::Loopback => api.layer(from_fn(host::only_loopback)),
        Hosts::Any => api,
    };
    api.layer(TraceLayer::new_for_http().make_span_with(span_of).on_failure(()))
        .layer(CatchPanicLayer::custom(panicked))
        .with_state(app)
}

async fn nothing_here(request: Request) -> Problem {
    Problem::new(Kind::UNKNOWN_ROUTE, format!("there is no {}", request.uri().path()))
}

async fn method_not_allowed(request: Request) -> Problem {
    let detail = format!("{} is not allowed here; the field Allow says what is", request.method());
    Problem::new(Kind::METHOD_NOT_ALLOWED, detail)
}

/// A panic is a bug; its message goes to the log, where the default hook has put it, not to the caller.
fn panicked(_: Box<dyn Any + Send>) -> Response {
    Problem::new(Kind::INTERNAL, "the request could not be answered; the log of this replica says why")
        .into_response()
}

/// The route, not the path: permit ids are as good as permits, and keys are other people's names.
fn span_of(request: &Request) -> Span {
    let route = request.extensions().get::<MatchedPath>().map_or("unknown", MatchedPath::as_str);
    tracing::span!(Level::DEBUG, "request", method = %request.method(), route)
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::{StatusCode, header};

    #[test]
    fn a_panic_is_a_problem_that_does_not_tell_what_it_was() {
        let response = panicked(Box::new("index out of bounds"));
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(response.headers()[header::CONTENT_TYPE], "application/problem+json");
    }
}
