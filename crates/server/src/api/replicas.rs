//! `GET /v1/{ns}/replicas`: which processes share the namespace.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use tollgate::{ReplicaSeen, Replicas};
use utoipa::ToSchema;

use crate::app::App;
use crate::description::{IN_NAMESPACE, OF_STORE, problems};
use crate::params::NoQuery;
use crate::problem::Problem;
use crate::rfc3339;

/// The processes that share the namespace.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Replicas)]
pub(crate) struct Fleet {
    /// Those that have said within five minutes that they live, which they do every 30 seconds: those that are there
    /// longest first.
    replicas: Vec<Replica>,
    /// The tag of the policy in force.
    policy: String,
    /// There may be more: about two thousand are noted.
    is_cut: bool,
}

/// A process: a service, or an application that has the library in it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Replica)]
struct Replica {
    /// Its name, made when it was started. The audit trail tells by it who did what.
    id: String,
    /// Its machine, if that says one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    host: Option<String>,
    /// Its process there.
    process: u32,
    /// Its version of Tollgate.
    version: String,
    /// From when on it has been there, by the store's clock; after a loss of the store's state from then on.
    #[schema(format = DateTime)]
    since: String,
    /// When it has last said that it lives.
    #[schema(format = DateTime)]
    seen: String,
    /// The tag of the policy that it held then. With its next call to the store it takes up the one in force.
    policy: String,
    /// Calls that waited in it then.
    waiting: u64,
}

problems!(NotRead: IN_NAMESPACE, OF_STORE);

/// Which processes share the namespace: who they are, since when, and which policy they hold.
#[utoipa::path(
    get,
    path = "/replicas",
    operation_id = "replicas",
    tag = "replicas",
    security(("key" = ["viewer"])),
    responses((status = 200, description = "The replicas.", body = Fleet), NotRead)
)]
pub(crate) async fn get(State(app): State<App>, _: NoQuery) -> Result<Json<Fleet>, Problem> {
    let Replicas { policy, replicas, is_cut, .. } = app.gate.replicas().await?;
    Ok(Json(Fleet { replicas: replicas.into_iter().map(Replica::from).collect(), policy, is_cut }))
}

impl From<ReplicaSeen> for Replica {
    fn from(seen: ReplicaSeen) -> Self {
        Self {
            id: seen.id,
            host: seen.host,
            process: seen.process,
            version: seen.version,
            since: rfc3339::of_us(seen.since_us),
            seen: rfc3339::of_us(seen.seen_us),
            policy: seen.policy,
            waiting: seen.waiting,
        }
    }
}
