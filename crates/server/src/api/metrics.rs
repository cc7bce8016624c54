//! `GET /metrics`: what this replica has counted, for Prometheus.

use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, header};
use axum::response::{IntoResponse, Response};

use crate::app::App;
use crate::description::problems;
use crate::metrics::Format;
use crate::problem::{Kind, Problem};

/// A cache must not give one format to who wants the other.
const BY_FORMAT: (HeaderName, &str) = (header::VARY, "accept");

problems!(NotTold:);

/// What this replica has counted since it was started.
///
/// In the text format of Prometheus 0.0.4, or as OpenMetrics 1.0 where `Accept` would rather have it. Limits are
/// labels; organisations, clients and keys are not. The numbers are this replica's own: sum over all of them.
#[utoipa::path(
    get,
    path = "/metrics",
    operation_id = "metrics",
    tag = "health",
    security(("key" = ["viewer"])),
    responses(
        (
            status = 200,
            description = "All metrics.",
            content((String = "text/plain"), (String = "application/openmetrics-text"))
        ),
        NotTold
    )
)]
pub(crate) async fn metrics(State(app): State<App>, headers: HeaderMap) -> Result<Response, Problem> {
    let format = Format::accepted(&headers);
    let written = app.metrics.written(format);
    let written = written.map_err(|_| Problem::new(Kind::INTERNAL, "the metrics can't be written"))?;
    Ok(([(header::CONTENT_TYPE, format.content_type()), BY_FORMAT], written).into_response())
}
