//! `/v1/{ns}/permits/{id}`: what has become of a call, at any replica. `POST ../settle` tells what it has really cost, `DELETE` that
//! it was not sent, `POST ../heartbeat` that it is still in flight.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::Deserialize;

use crate::app::App;
use crate::body::Json;
use crate::params::{NoQuery, PermitPath};
use crate::problem::Problem;

/// What the call has cost.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settle {
    /// In tokens; 0 if it was not sent.
    cost: u32,
}

/// Corrects the charge.
pub(crate) async fn settle(
    State(app): State<App>,
    Path(PermitPath { id }): Path<PermitPath>,
    _: NoQuery,
    Json(Settle { cost }): Json<Settle>,
) -> Result<StatusCode, Problem> {
    app.gate.take_back(&id)?.settle(cost).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The call is still in flight: its lease begins anew.
pub(crate) async fn heartbeat(
    State(app): State<App>,
    Path(PermitPath { id }): Path<PermitPath>,
    _: NoQuery,
) -> Result<StatusCode, Problem> {
    app.gate.heartbeat(&id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Gives everything back: the call was not sent.
pub(crate) async fn give_back(
    State(app): State<App>,
    Path(PermitPath { id }): Path<PermitPath>,
    _: NoQuery,
) -> Result<StatusCode, Problem> {
    app.gate.take_back(&id)?.give_back().await?;
    Ok(StatusCode::NO_CONTENT)
}
