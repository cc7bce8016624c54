//! `GET` and `PUT /v1/{ns}/policy`: the policy in force, and its next version.

use std::str;

use axum::Json;
use axum::extract::{FromRequest, Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tollgate::{Error, Limit, Policy, PolicyVersion};
use utoipa::openapi::schema::OneOfBuilder;
use utoipa::openapi::{Ref, RefOr, Schema};
use utoipa::{IntoParams, PartialSchema, ToSchema};

use super::change::{By, ByFields};
use super::policy_answer;
use crate::app::App;
use crate::body;
use crate::description::{self, IN_NAMESPACE, OF_STORE, WITH_BODY, problems};
use crate::entity_tag::Condition;
use crate::params::{NoQuery, Query};
use crate::problem::{Kind, Problem};

/// As large as a policy may be.
const POLICY_BYTES_MAX: usize = 1 << 20;

/// A policy in the other language, as an example.
const EXAMPLE: &str =
    "namespace = \"genesys\"\n[[limit]]\nname = \"org\"\nper = [\"org\"]\nrate = \"10/s\"\nburst = 20\n";

/// How to change it.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct Manner {
    /// Only tell what it would become.
    #[param(default = false, example = true)]
    #[serde(default)]
    dry_run: bool,
}

/// A policy that a request brings, in JSON or TOML.
#[derive(Debug)]
pub(crate) struct Document(Policy);

/// What a change would make of the policy.
#[derive(Debug, Serialize, ToSchema)]
struct Preview<'a> {
    #[schema(schema_with = description::only_true)]
    dry_run: bool,
    /// Whether it differs from the policy in force at all.
    changes: bool,
    #[schema(value_type = Policy)]
    policy: &'a RawValue,
    limits: &'a [Limit],
}

/// What a `PUT` is answered, as the description of the API has it.
struct PolicyOrPreview;

impl PartialSchema for PolicyOrPreview {
    fn schema() -> RefOr<Schema> {
        let either = OneOfBuilder::new().item(Ref::from_schema_name("Policy"));
        either.item(Ref::from_schema_name("Preview")).into()
    }
}

impl ToSchema for PolicyOrPreview {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.extend([("Policy".to_owned(), Policy::schema()), ("Preview".to_owned(), Preview::schema())]);
        Policy::schemas(schemas);
        Preview::schemas(schemas);
    }
}

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

/// Puts another policy into force for all replicas, from their next grant on, if the one in force is the one its author has seen.
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
            description = "In force; or, with `dry_run`, what it would become, without the header fields.",
            body = inline(PolicyOrPreview),
            headers(("Tollgate-Policy-Version" = u64))
        ),
        NotPut
    )
)]
pub(crate) async fn put(
    State(app): State<App>,
    Query(Manner { dry_run }): Query<Manner>,
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
    if dry_run {
        policy_answer::check(condition.as_ref(), &current)?;
        return Ok(preview(&policy, &current));
    }
    policy_answer::check_named(condition.as_ref(), &current)?;
    let written = app.gate.put_policy(&policy, Some(&current.tag), &change).await;
    policy_answer::after(written).map(policy_answer::whole)
}

fn preview(policy: &Policy, current: &PolicyVersion) -> Response {
    let document = policy.to_json();
    let changes = document != current.document;
    match RawValue::from_string(document) {
        Ok(document) => Json(Preview { dry_run: true, changes, policy: &document, limits: policy.limits() })
            .into_response(),
        Err(error) => Problem::new(Kind::INTERNAL, error.to_string()).into_response(),
    }
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
