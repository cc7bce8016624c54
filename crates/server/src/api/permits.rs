//! `/v1/{ns}/permits/{id}`: what has become of a call, at any replica. `POST ../settle` tells what it has really cost,
//! `DELETE` that it was not sent, `POST ../heartbeat` that it is still in flight.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::body::Json;
use crate::description::{IN_NAMESPACE, OF_STORE, WITH_BODY, problems};
use crate::params::{NoQuery, PermitPath};
use crate::problem::{Kind, Problem};
use crate::whole;

/// What the call has cost.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = SettleRequest)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settle {
    /// In tokens; 0 if the call was not sent. Where a limit on the path reads its costs off calls, what the call has
    /// cost there.
    #[schema(maximum = 4_294_967_295_i64)]
    #[serde(deserialize_with = "whole::whole")]
    cost: u32,
}

problems!(NotSettled: IN_NAMESPACE, WITH_BODY, OF_STORE, &[Kind::UNKNOWN_PERMIT, Kind::SETTLED_BEFORE, Kind::PERMIT_TOO_OLD]);

/// Corrects the charge to what the call has really cost: the call is over.
///
/// Once, within 10 minutes of the grant, at any replica. Where a limit on the path reads its costs off calls, such
/// limits alone are corrected: the others count calls. A cost of 0 gives back all: the call was not sent. Less is given
/// back as far as the buckets have not earned it back since, and only if the policy has not changed since; more is
/// charged in addition, even where there is no room left. Whatever the cost, the call is no longer in flight, also
/// where the answer is 409 or 410.
#[utoipa::path(
    post,
    path = "/permits/{id}/settle",
    operation_id = "settle",
    tag = "permits",
    security(("key" = ["acquire"])),
    params(PermitPath),
    request_body(content = Settle, description = "At most 64 KiB.", example = json!({"cost": 2})),
    responses((status = 204, description = "Corrected."), NotSettled)
)]
pub(crate) async fn settle(
    State(app): State<App>,
    Path(PermitPath { id }): Path<PermitPath>,
    _: NoQuery,
    Json(Settle { cost }): Json<Settle>,
) -> Result<StatusCode, Problem> {
    app.gate.take_back(&id)?.settle(cost).await?;
    Ok(StatusCode::NO_CONTENT)
}

problems!(NotRenewed: IN_NAMESPACE, OF_STORE, &[Kind::UNKNOWN_PERMIT, Kind::SETTLED_BEFORE]);

/// Says that the call is still in flight: its lease begins anew.
///
/// At any replica, for as long as the call takes. A call whose lease has run out counts again, even if others have had
/// its place since. A permit whose answer had no `lease_ms` needs none, and nothing is done. Once it is settled or
/// given back the answer is 409.
#[utoipa::path(
    post,
    path = "/permits/{id}/heartbeat",
    operation_id = "heartbeat",
    tag = "permits",
    security(("key" = ["acquire"])),
    params(PermitPath),
    responses((status = 204, description = "Renewed."), NotRenewed)
)]
pub(crate) async fn heartbeat(
    State(app): State<App>,
    Path(PermitPath { id }): Path<PermitPath>,
    _: NoQuery,
) -> Result<StatusCode, Problem> {
    app.gate.heartbeat(&id).await?;
    Ok(StatusCode::NO_CONTENT)
}

problems!(NotGivenBack: IN_NAMESPACE, OF_STORE, &[Kind::UNKNOWN_PERMIT, Kind::SETTLED_BEFORE, Kind::PERMIT_TOO_OLD]);

/// Gives everything back: the call was not sent.
///
/// The same as settling it to a cost of 0.
#[utoipa::path(
    delete,
    path = "/permits/{id}",
    operation_id = "giveBack",
    tag = "permits",
    security(("key" = ["acquire"])),
    params(PermitPath),
    responses((status = 204, description = "Given back."), NotGivenBack)
)]
pub(crate) async fn give_back(
    State(app): State<App>,
    Path(PermitPath { id }): Path<PermitPath>,
    _: NoQuery,
) -> Result<StatusCode, Problem> {
    app.gate.take_back(&id)?.give_back().await?;
    Ok(StatusCode::NO_CONTENT)
}
