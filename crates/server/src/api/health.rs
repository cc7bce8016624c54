//! `GET /healthz` and `GET /readyz`: whether the process is up, and whether it can grant anything.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use tokio::time::timeout;
use utoipa::ToSchema;

use crate::app::App;
use crate::description::{OF_STORE, problems};
use crate::problem::{Kind, Problem};
use crate::shutdown::Stage;

/// Whoever asks has a time limit of his own, commonly some seconds.
const READY_WITHIN: Duration = Duration::from_secs(2);

/// What a healthy service says.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Health {
    status: Status,
}

/// The words for it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = HealthStatus)]
#[serde(rename_all = "lowercase")]
enum Status {
    Up,
    Ready,
}

problems!(NotUp:);

/// Whether the process is up.
#[utoipa::path(
    get,
    path = "/healthz",
    operation_id = "healthz",
    tag = "health",
    responses((status = 200, description = "It is up.", body = Health, example = json!({"status": "up"})), NotUp)
)]
pub(crate) async fn healthz() -> Json<Health> {
    Json(Health { status: Status::Up })
}

problems!(NotReady: OF_STORE);

/// Whether the store answers and knows the policy.
#[utoipa::path(
    get,
    path = "/readyz",
    operation_id = "readyz",
    tag = "health",
    responses((status = 200, description = "It is ready.", body = Health, example = json!({"status": "ready"})), NotReady)
)]
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
    Ok(Json(Health { status: Status::Ready }))
}
