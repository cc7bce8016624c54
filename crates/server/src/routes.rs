//! The routes, and what every request passes on its way to them.

use std::any::Any;

use axum::Router;
use axum::extract::{MatchedPath, Request};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use tollgate::Tollgate;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::trace::TraceLayer;
use tracing::{Level, Span};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::access::{self, Access, Rules};
use crate::api::{
    acquire, audit, buckets, diagnosis, docs, health, keys, limits, metrics, observe, overrides, pauses,
    permits, policy, replicas, usage, versions, waiters,
};
use crate::app::App;
use crate::description;
use crate::host::{self, Hosts};
use crate::problem::{Kind, Problem};
use crate::shutdown::Shutdown;
use crate::{outage_log, params};

/// The API over a limiter, to be served by a server of one's own. Its namespace is the only one that is known.
///
/// From the first API key of the namespace on it asks for one; before, it asks nobody who they are, which is then up to
/// that server. It takes requests for whichever host. Must be called within a tokio runtime, on which the keys are read
/// again and again.
///
/// # Examples
/// ```no_run
/// # async fn example(gate: tollgate::Tollgate) -> std::io::Result<()> {
/// let listener = tokio::net::TcpListener::bind("127.0.0.1:8080").await?;
/// axum::serve(listener, tollgate_server::router(gate)).await
/// # }
/// ```
pub fn router(gate: Tollgate) -> Router {
    with_shutdown(gate, Shutdown::new(), Hosts::Any, Rules::default())
}

/// Where a namespace is.
const NAMESPACE: &str = "/v1/{ns}";

pub(crate) fn with_shutdown(gate: Tollgate, shutdown: Shutdown, hosts: Hosts, rules: Rules) -> Router {
    let (namespace, of_namespace) = of_namespace().split_for_parts();
    let (service, of_service) = of_service().split_for_parts();
    let description = description::complete(of_service.nest(NAMESPACE, of_namespace), &gate.namespace());
    let access = Access::new(gate.api_keys(), &description, rules);
    let app = App::new(gate, shutdown, access, description::written(&description));
    let namespace = namespace
        .method_not_allowed_fallback(method_not_allowed)
        .route_layer(from_fn_with_state(app.clone(), params::known_namespace));
    let api = service
        .nest(NAMESPACE, namespace)
        .fallback(nothing_here)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(from_fn_with_state(app.clone(), outage_log::note))
        .layer(from_fn_with_state(app.clone(), access::check));
    let api = match hosts {
        Hosts::Loopback => api.layer(from_fn_with_state(app.clone(), host::only_loopback)),
        Hosts::Any => api,
    };
    api.layer(from_fn_with_state(app.clone(), crate::metrics::note))
        .layer(TraceLayer::new_for_http().make_span_with(span_of).on_failure(()))
        .layer(CatchPanicLayer::custom(panicked))
        .with_state(app)
}

/// What there is of a namespace. A line takes the handlers of one path, and with them what they say of themselves: a
/// route without a description can't be written here, nor a description without a route.
fn of_namespace() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(acquire::acquire))
        .routes(routes!(observe::observe))
        .routes(routes!(permits::settle))
        .routes(routes!(permits::heartbeat))
        .routes(routes!(permits::give_back))
        .routes(routes!(policy::get, policy::put))
        .routes(routes!(versions::list))
        .routes(routes!(versions::get))
        .routes(routes!(versions::roll_back))
        .routes(routes!(limits::get))
        .routes(routes!(overrides::get, overrides::put, overrides::delete))
        .routes(routes!(buckets::get))
        .routes(routes!(waiters::get))
        .routes(routes!(pauses::list, pauses::pause, pauses::resume))
        .routes(routes!(replicas::get))
        .routes(routes!(diagnosis::get))
        .routes(routes!(usage::get))
        .routes(routes!(keys::list, keys::make))
        .routes(routes!(keys::revoke))
        .routes(routes!(audit::get))
        .routes(routes!(audit::follow))
}

/// What there is of the service itself.
fn of_service() -> OpenApiRouter<App> {
    OpenApiRouter::with_openapi(description::frame())
        .routes(routes!(health::healthz))
        .routes(routes!(health::readyz))
        .routes(routes!(metrics::metrics))
        .routes(routes!(docs::openapi))
        .routes(routes!(docs::page))
        .routes(routes!(docs::part))
}

async fn nothing_here(request: Request) -> Problem {
    Problem::new(
        Kind::UNKNOWN_ROUTE,
        format!("there is no {}; GET /docs shows what there is", request.uri().path()),
    )
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
