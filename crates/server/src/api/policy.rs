//! `GET` and `PUT /v1/{ns}/policy`: the policy in force, and its next version.

use std::str;

use axum::extract::{FromRequest, Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use tollgate::{Error, Policy};

use super::change::{By, ByFields};
use super::dry_run::{self, Manner, or_dry_run};
use super::policy_answer;
use crate::app::App;
use crate::body;
use crate::description::{IN_NAMESPACE, OF_STORE, WITH_BODY, problems};
use crate::entity_tag::Condition;
use crate::params::{NoQuery, Query};
use crate::problem::{Kind, Problem};

/// As large as a policy may be.
const POLICY_BYTES_MAX: usize = 1 << 20;

/// A policy in the other language, as an example.
const EXAMPLE: &str =
    "namespace = \"genesys\"\n[[limit]]\nname = \"org\"\nper = [\"org\"]\nrate = \"10/s\"\nburst = 20\n";

/// A policy that a request brings, in JSON or TOML.
#[derive(Debug)]
pub(crate) struct Document(Policy);

or_dry_run!(PolicyOrPreview, Policy as "Policy");

problems!(NotRead: IN_NAMESPACE, OF_STORE);

/// The policy in force, as canonical JSON.
#[utoipa::path(
    get,
    path = "/policy",
    operation_id = "getPolicy",
    tag = "policy",
    security(("key" = ["viewer"])),
    params(("If-None-Match" = inline(Option<Condition>), Header, example = "\"1-025abefecf200ddb\"",
        description = "The ETag of the policy that is known already.")),
    responses(
        (
            status = 200,
            description = "The policy.",
            body = Policy,
            headers(("Tollgate-Policy-Version" = u64)),
            links(("putPolicy" = (
                operation_id = "putPolicy",
                parameters(("ns" = "$request.path.ns"), ("If-Match" = "$response.header.ETag")),
                request_body = "$response.body",
                description = "The next version of it."
            )))
        ),
        (
            status = 304,
            description = "It is the one named in `If-None-Match`.",
            headers(("Tollgate-Policy-Version" = u64))
        ),
        NotRead
    )
)]
pub(crate) async fn get(State(app): State<App>, _: NoQuery, headers: HeaderMap) -> Result<Response, Problem> {
    let known = Condition::if_none_match(&headers)?;
    let version = app.policy().await?;
    if known.is_some_and(|known| known.names(&version.tag)) {
        return Ok((StatusCode::NOT_MODIFIED, policy_answer::fields_of(&version)).into_response());
    }
    Ok(policy_answer::whole(version))
}

problems!(
    NotPut: IN_NAMESPACE, WITH_BODY, OF_STORE,
    &[Kind::CHANGED, Kind::PRECONDITION_REQUIRED, Kind::INVALID_POLICY, Kind::INVALID_VALUE]
);

/// Puts another policy into force for all replicas, from their next grant on, if the one in force is the one its author
/// has seen.
#[utoipa::path(
    put,
    path = "/policy",
    operation_id = "putPolicy",
    tag = "policy",
    security(("key" = ["admin"])),
    params(
        Manner,
        ("If-Match" = inline(Option<Condition>), Header, example = "*",
            description = "The ETag of the policy that this one follows, or `*`. Required, unless `dry_run` is true."),
        ByFields
    ),
    request_body(
        description = "At most 1 MiB. `docs/POLICY.md` describes its fields.",
        content(
            (Policy = "application/json", example = json!({
                "namespace": "genesys",
                "limit": [{"name": "org", "per": ["org"], "rate": "10/s", "burst": 20}]
            })),
            (String = "application/toml", example = json!(EXAMPLE)),
            (String = "text/toml", example = json!(EXAMPLE))
        )
    ),
    responses(
        (
            status = 200,
            description = "In force; or, with `dry_run`, what would change, without the header fields.",
            body = inline(PolicyOrPreview),
            headers(("Tollgate-Policy-Version" = u64))
        ),
        NotPut
    )
)]
pub(crate) async fn put(
    State(app): State<App>,
    Query(Manner { dry_run: is_dry_run }): Query<Manner>,
    By(change): By,
    headers: HeaderMap,
    Document(policy): Document,
) -> Result<Response, Problem> {
    let condition = Condition::if_match(&headers)?;
    let (expected, found) = (app.gate.namespace(), policy.namespace().to_owned());
    if found != expected {
        return Err(Error::OtherNamespace { expected, found }.into());
    }
    let current = app.policy().await?;
    if is_dry_run {
        policy_answer::check(condition.as_ref(), &current)?;
        let run = Box::pin(app.gate.dry_run(&policy, Some(&current.tag)));
        return dry_run::answer(&app, run).await;
    }
    policy_answer::check_named(condition.as_ref(), &current)?;
    let written = app.gate.put_policy(&policy, Some(&current.tag), &change).await;
    policy_answer::after(written).map(policy_answer::whole)
}

impl<S: Sync> FromRequest<S> for Document {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let media_type = body::media_type(request.headers());
        body::check_coding(request.headers())?;
        let bytes = body::read(request.into_body(), POLICY_BYTES_MAX).await?;
        let parse = match media_type.as_str() {
            "application/json" => Policy::from_json,
            "application/toml" | "text/toml" => Policy::from_toml,
            _ => {
                let expected =
                    "expected \"content-type: application/json\" or \"content-type: application/toml\"";
                let detail = format!("the body is {media_type:?}, {expected}");
                return Err(Problem::new(Kind::UNSUPPORTED_MEDIA_TYPE, detail));
            }
        };
        let text = str::from_utf8(&bytes)
            .map_err(|error| Problem::new(Kind::MALFORMED, format!("the body is not UTF-8: {error}")))?;
        Ok(Self(parse(text)?))
    }
}
