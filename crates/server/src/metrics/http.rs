//! Requests, by their route and what came of them, and how long they took. No label is chosen by who sends them.

use std::borrow::Cow;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::Response;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::exemplar::HistogramWithExemplars;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::{Registry, Unit};
use tokio::time::Instant;

use crate::app::App;
use crate::{clock, telemetry};

/// From an embedded grant to the longest wait, in seconds.
const BOUNDS: [f64; 14] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0];

/// What has no route: its path is whatever somebody has sent.
const NO_ROUTE: &str = "unknown";

/// Counts requests.
#[derive(Debug)]
pub(crate) struct HttpMeter {
    requests: Family<Ended, Counter>,
    took: Family<Routed, HistogramWithExemplars<Traced>, fn() -> HistogramWithExemplars<Traced>>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Ended {
    method: &'static str,
    route: Cow<'static, str>,
    status: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Routed {
    route: Cow<'static, str>,
}

/// The trace in which a request can be looked up, where traces are exported.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Traced {
    trace_id: String,
}

impl HttpMeter {
    pub(super) fn registered(registry: &mut Registry) -> Self {
        let bounds: fn() -> HistogramWithExemplars<Traced> =
            || HistogramWithExemplars::new(BOUNDS.into_iter());
        let meter = Self { requests: Family::default(), took: Family::new_with_constructor(bounds) };
        registry.register(
            "tollgate_http_requests",
            "Requests by method, route and class of status; none where the client did not wait for the answer",
            meter.requests.clone(),
        );
        registry.register_with_unit(
            "tollgate_http_request",
            "How long the heads of answers took",
            Unit::Seconds,
            meter.took.clone(),
        );
        meter
    }
}

/// Counts every request that passes, once, whatever becomes of it.
pub(crate) async fn note(State(app): State<App>, request: Request, next: Next) -> Response {
    let mut passing = Passing::begin(app, &request);
    let response = next.run(request).await;
    passing.status = class_of(response.status());
    response
}

/// A request that is being answered. It is counted when it is dropped, also with its connection.
struct Passing {
    app: App,
    method: &'static str,
    route: Cow<'static, str>,
    began: Instant,
    traced: Option<Traced>,
    status: &'static str,
}

impl Passing {
    fn begin(app: App, request: &Request) -> Self {
        let route = request.extensions().get::<MatchedPath>();
        let route = route.map_or(Cow::Borrowed(NO_ROUTE), |route| route.as_str().to_owned().into());
        let traced = telemetry::trace_id().map(|trace_id| Traced { trace_id });
        let (method, began) = (name_of(request.method()), clock::instant());
        Self { app, method, route, began, traced, status: "none" }
    }
}

impl Drop for Passing {
    fn drop(&mut self) {
        let meter = &self.app.metrics.http;
        let took = clock::instant().saturating_duration_since(self.began).as_secs_f64();
        let route = std::mem::take(&mut self.route);
        // A handler that panics is answered for further out.
        let status = if std::thread::panicking() { "5xx" } else { self.status };
        let ended = Ended { method: self.method, route: route.clone(), status };
        meter.requests.get_or_create(&ended).inc();
        let traced = self.traced.take();
        let at = traced.as_ref().map(|_| clock::now());
        meter.took.get_or_create(&Routed { route }).observe(took, traced, at);
    }
}

/// Any word may be a method.
fn name_of(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

fn class_of(status: StatusCode) -> &'static str {
    match status.as_u16() / 100 {
        1 => "1xx",
        2 => "2xx",
        3 => "3xx",
        4 => "4xx",
        _ => "5xx",
    }
}
