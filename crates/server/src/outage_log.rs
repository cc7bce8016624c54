//! One log line when the store stops to answer, and one when it answers again, however many calls meet it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::Response;

use crate::app::App;

/// Whether the store failed when it was last asked.
#[derive(Clone, Debug, Default)]
pub(crate) struct OutageLog {
    failing: Arc<AtomicBool>,
}

/// Marks an answer that the store is to blame for, with what it said.
#[derive(Clone, Debug)]
pub(crate) struct StoreFailed(pub(crate) String);

/// Looks at every answer that passes.
pub(crate) async fn note(State(app): State<App>, request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    let failing = &app.outage.failing;
    if let Some(StoreFailed(detail)) = response.extensions().get() {
        if !failing.swap(true, Ordering::Relaxed) {
            tracing::warn!("the store fails, and calls are answered 503: {detail}");
        }
    } else if (response.status().is_success() || response.status() == StatusCode::TOO_MANY_REQUESTS)
        && failing.swap(false, Ordering::Relaxed)
    {
        tracing::info!("the store answers again");
    }
    response
}
