//! `GET /v1/{ns}/limits`: the limits in force, with their defaults filled in.

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use tollgate::{Error, Limit, Policy};
use utoipa::ToSchema;

use crate::app::App;
use crate::description::{IN_NAMESPACE, OF_STORE, problems};
use crate::params::NoQuery;
use crate::problem::Problem;

/// The limits, in the order in which calls pass them.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Limits<'a> {
    pub(crate) limits: &'a [Limit],
}

problems!(NotRead: IN_NAMESPACE, OF_STORE);

/// The limits in force, with their defaults filled in.
#[utoipa::path(
    get,
    path = "/limits",
    operation_id = "limits",
    tag = "policy",
    security(("key" = ["viewer"])),
    responses(
        (
            status = 200,
            description = "In the order of the policy.",
            body = Limits,
            links(("buckets" = (
                operation_id = "buckets",
                parameters(("ns" = "$request.path.ns"), ("limit" = "$response.body#/limits/0/name")),
                description = "How full the buckets of the first one are."
            )))
        ),
        NotRead
    )
)]
pub(crate) async fn get(State(app): State<App>, _: NoQuery) -> Result<Response, Problem> {
    let stored = app.policy().await?;
    let policy = Policy::from_json(&stored.document).map_err(Error::Policy)?;
    let body = serde_json::to_vec(&Limits { limits: policy.limits() }).unwrap_or_default();
    Ok(([(header::CONTENT_TYPE, "application/json")], body).into_response())
}
