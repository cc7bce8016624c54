//! `GET /v1/{ns}/policy/versions` and `../{version}`: what the policy was. `POST /v1/{ns}/policy/rollback`: the way
//! back.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use tollgate::{Policy, PolicyChange};
use utoipa::{IntoParams, ToSchema};

use super::change::{By, ByFields};
use super::dry_run::{self, Manner, or_dry_run};
use super::policy_answer;
use crate::app::App;
use crate::body;
use crate::description::{IN_NAMESPACE, OF_STORE, WITH_BODY, problems};
use crate::entity_tag::Condition;
use crate::params::{NoQuery, Query};
use crate::problem::{Kind, Problem};
use crate::rfc3339;
use crate::whole::whole;

/// Which version.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct VersionPath {
    /// Its number, from 1 on.
    #[param(pattern = "^[0-9]{1,20}$", example = "1")]
    version: String,
}

/// The versions that the store keeps.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PolicyVersions)]
pub(crate) struct Versions {
    /// The last hundred, the newest first: it is the one in force.
    versions: Vec<Listed>,
}

/// Who has changed the policy, when and what for.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PolicyVersion)]
struct Listed {
    version: u64,
    /// Its entity tag, without the quotes.
    tag: String,
    /// By the store's clock.
    #[schema(format = DateTime)]
    written_at: String,
    /// The same in microseconds since 1970.
    written_at_us: u64,
    author: String,
    reason: String,
}

/// Which version is to come back.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = RollbackRequest)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rollback {
    /// Its number, from 1 on.
    #[schema(maximum = 4_294_967_295_i64)]
    #[serde(deserialize_with = "whole")]
    version: u32,
}

problems!(NotListed: IN_NAMESPACE, OF_STORE);

/// The versions of the policy: who has written each, when and what for.
#[utoipa::path(
    get,
    path = "/policy/versions",
    operation_id = "policyVersions",
    tag = "policy",
    security(("key" = ["viewer"])),
    responses(
        (
            status = 200,
            description = "The versions that the store keeps.",
            body = Versions,
            links(("policyVersion" = (
                operation_id = "policyVersion",
                parameters(("ns" = "$request.path.ns"), ("version" = "$response.body#/versions/0/version")),
                description = "What it said."
            )))
        ),
        NotListed
    )
)]
pub(crate) async fn list(State(app): State<App>, _: NoQuery) -> Result<Json<Versions>, Problem> {
    // A store that has lost the policy is given it back first.
    app.policy().await?;
    let changes = app.gate.policy_changes().await?;
    Ok(Json(Versions { versions: changes.into_iter().map(Listed::from).collect() }))
}

problems!(NotRead: IN_NAMESPACE, OF_STORE, &[Kind::UNKNOWN_VERSION]);

/// What the policy said in one of its versions, as canonical JSON.
#[utoipa::path(
    get,
    path = "/policy/versions/{version}",
    operation_id = "policyVersion",
    tag = "policy",
    security(("key" = ["viewer"])),
    params(VersionPath),
    responses(
        (
            status = 200,
            description = "The policy of that version.",
            body = Policy,
            headers(("Tollgate-Policy-Version" = u64))
        ),
        NotRead
    )
)]
pub(crate) async fn get(
    State(app): State<App>,
    Path(VersionPath { version: text }): Path<VersionPath>,
    _: NoQuery,
) -> Result<Response, Problem> {
    let known = match text.parse() {
        Ok(version) => app.gate.policy_version(version).await?,
        Err(_) => None,
    };
    let known = known.ok_or_else(|| {
        let detail = format!("there is no version {text:?} of the policy, or it is kept no more");
        Problem::new(Kind::UNKNOWN_VERSION, detail).field("version")
    })?;
    Ok(policy_answer::whole(known))
}

or_dry_run!(PolicyOrDryRun, Policy as "Policy");

problems!(
    NotRolledBack: IN_NAMESPACE, WITH_BODY, OF_STORE,
    &[Kind::CHANGED, Kind::PRECONDITION_REQUIRED, Kind::UNKNOWN_VERSION, Kind::INVALID_VALUE]
);

/// Puts what an earlier version said into force again, as the next version.
///
/// What was spent stays spent. Everything that was changed since is undone, so the request says which version it has
/// seen in force, as a `PUT` of the policy does.
#[utoipa::path(
    post,
    path = "/policy/rollback",
    operation_id = "rollBack",
    tag = "policy",
    security(("key" = ["admin"])),
    params(
        Manner,
        ("If-Match" = inline(Option<Condition>), Header, example = "*",
            description = "The ETag of the policy that is in force, or `*`. Required, unless `dry_run` is true."),
        ByFields
    ),
    request_body(content = Rollback, description = "At most 64 KiB.", example = json!({"version": 1})),
    responses(
        (
            status = 200,
            description = "In force; or, with `dry_run`, what would change, without the header fields.",
            body = inline(PolicyOrDryRun),
            headers(("Tollgate-Policy-Version" = u64))
        ),
        NotRolledBack
    )
)]
pub(crate) async fn roll_back(
    State(app): State<App>,
    Query(Manner { dry_run: is_dry_run }): Query<Manner>,
    by: By,
    headers: HeaderMap,
    body::Json(Rollback { version }): body::Json<Rollback>,
) -> Result<Response, Problem> {
    let condition = Condition::if_match(&headers)?;
    let current = app.policy().await?;
    if is_dry_run {
        policy_answer::check(condition.as_ref(), &current)?;
        let run = Box::pin(app.gate.dry_run_roll_back(version.into(), Some(&current.tag)));
        return dry_run::answer(&app, run).await;
    }
    policy_answer::check_named(condition.as_ref(), &current)?;
    let change = by.or_reason(|| format!("back to version {version}"));
    let written = app.gate.roll_back(version.into(), Some(&current.tag), &change).await;
    policy_answer::after(written).map(policy_answer::whole)
}

impl From<PolicyChange> for Listed {
    fn from(change: PolicyChange) -> Self {
        let PolicyChange { version, tag, written_at_us, author, reason, .. } = change;
        Self { version, tag, written_at: rfc3339::of_us(written_at_us), written_at_us, author, reason }
    }
}
