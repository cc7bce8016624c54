//! `GET /healthz` and `GET /readyz`: whether the process is up, and whether it can grant anything.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use tokio::time::timeout;

use crate::app::App;
use crate::problem::{Kind, Problem};
use crate::shutdown::Stage;

/// Whoever asks has a time limit of his own, commonly some seconds.
const READY_WITHIN: Duration = Duration::from_secs(2);

/// What a healthy service says.
#[derive(Debug, Serialize)]
pub(crate) struct Health {
    status: &'static str,
}

/// The process is up and answers.
pub(crate) async fn healthz() -> Json<Health> {
    Json(Health { status: "up" })
}

/// The store answers, and the namespace's policy is there.
pub(crate) async fn readyz(State(app): State<App>) -> Result<Json<Health>, Problem> {
    if app.shutdown.has_reached(Stage::Draining) {
        return Err(Problem::new(Kind::SHUTTING_DOWN, "this replica is shutting down"));
    }
    match timeout(READY_WITHIN, app.gate.check()).await {
        Ok(checked) => checked?,
        Err(_) => {
            return Err(Problem::new(Kind::STORE_TIMEOUT, format!("no answer within {READY_WITHIN:?}")));
        }
    }
    Ok(Json(Health { status: "ready" }))
}
