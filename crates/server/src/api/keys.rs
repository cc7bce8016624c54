//! `/v1/{ns}/keys`: the API keys of the namespace, made, listed and revoked.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderName, StatusCode, header};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tollgate::{ApiKey, MadeKey, NewKey, Role};
use utoipa::openapi::schema::{Object, ObjectBuilder, Type};
use utoipa::{IntoParams, ToSchema};

use super::change::{By, ByFields};
use crate::app::App;
use crate::body;
use crate::description::{IN_NAMESPACE, OF_STORE, WITH_BODY, problems};
use crate::params::NoQuery;
use crate::problem::{Kind, Problem};
use crate::rfc3339;

/// A token is for its owner alone, and for no cache on its way.
const UNCACHED: [(HeaderName, &str); 1] = [(header::CACHE_CONTROL, "no-store")];

/// Which key.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct KeyPath {
    /// Its id, as lists have it.
    #[param(min_length = 1)]
    id: String,
}

/// The API keys of the namespace.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ApiKeys)]
pub(crate) struct Keys {
    /// All of them, at most 1,000, the oldest first, those included that have expired.
    keys: Vec<Listed>,
}

/// A key without its secret.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ApiKey)]
struct Listed {
    /// Its name here and in the audit trail.
    id: String,
    #[schema(schema_with = roles)]
    role: &'static str,
    /// Whose it is.
    label: String,
    /// Who made it.
    author: String,
    /// When, by the store's clock.
    #[schema(format = DateTime)]
    made_at: String,
    /// From when on it is good for nothing; missing of one that has no end.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, format = DateTime)]
    expires_at: Option<String>,
    /// When it was last used, to the minute; missing of one that never was.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, format = DateTime)]
    last_used_at: Option<String>,
}

/// A key that was made.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = MadeApiKey)]
pub(crate) struct Made {
    /// What its owner sends, as `Authorization: Bearer KEY`. It is told this once.
    #[schema(pattern = "^tg_[0-9a-f]{16}_[0-9a-f]{64}$")]
    key: String,
    #[serde(flatten)]
    listed: Listed,
}

/// A key that is to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = KeyRequest)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wanted {
    /// What it is for. The first key of a namespace has to be an admin's.
    #[schema(schema_with = roles)]
    role: String,
    /// Whose it is: at most 64 bytes without control characters, marks of writing direction and line separators, and
    /// not with an end like `(key 0123456789abcdef)`. Changes made with the key are told by it.
    #[schema(min_length = 1, max_length = 64)]
    label: String,
    /// From when on it is good for nothing, by the store's clock, up to the year 2255; never if it is not given.
    #[schema(format = DateTime)]
    expires_at: Option<String>,
}

fn roles() -> Object {
    let roles = Role::ALL.map(Role::as_str);
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(roles)).build()
}

problems!(NotListed: IN_NAMESPACE, OF_STORE);

/// The API keys of the namespace, without their secrets: whose each is, what for, and when it was last used.
#[utoipa::path(
    get,
    path = "/keys",
    operation_id = "keys",
    tag = "keys",
    security(("key" = ["viewer"])),
    responses((status = 200, description = "All keys.", body = Keys), NotListed)
)]
pub(crate) async fn list(State(app): State<App>, _: NoQuery) -> Result<Json<Keys>, Problem> {
    let keys = app.gate.api_keys().list().await?;
    Ok(Json(Keys { keys: keys.into_iter().map(Listed::from).collect() }))
}

problems!(NotMade: IN_NAMESPACE, WITH_BODY, OF_STORE, &[Kind::TOO_MANY_KEYS, Kind::INVALID_VALUE]);

/// Makes an API key.
///
/// From the first one on every request below `/v1` needs a key, at every replica within two seconds. The audit trail
/// tells it.
#[utoipa::path(
    post,
    path = "/keys",
    operation_id = "makeKey",
    tag = "keys",
    security(("key" = ["admin"])),
    params(ByFields),
    request_body(
        content = Wanted,
        description = "At most 64 KiB.",
        example = json!({"role": "viewer", "label": "dashboard"})
    ),
    responses(
        (
            status = 201,
            description = "It is made. What its owner sends is in this answer, and nowhere else.",
            body = Made,
            links(("revokeKey" = (
                operation_id = "revokeKey",
                parameters(("ns" = "$request.path.ns"), ("id" = "$response.body#/id")),
                description = "When it is needed no more."
            )))
        ),
        NotMade
    )
)]
pub(crate) async fn make(
    State(app): State<App>,
    _: NoQuery,
    By(change): By,
    body::Json(wanted): body::Json<Wanted>,
) -> Result<(StatusCode, [(HeaderName, &'static str); 1], Json<Made>), Problem> {
    let made = app.gate.api_keys().make(&wanted.checked()?, &change).await?;
    app.access.read_again().await;
    Ok((StatusCode::CREATED, UNCACHED, Json(made.into())))
}

problems!(NotRevoked: IN_NAMESPACE, OF_STORE, &[Kind::UNKNOWN_KEY, Kind::INVALID_VALUE]);

/// Revokes an API key.
///
/// It opens nothing any more, at every replica within two seconds. When the last one is revoked all requests are
/// refused until another one is made, with `tollgate keys create --store`. The audit trail tells it.
#[utoipa::path(
    delete,
    path = "/keys/{id}",
    operation_id = "revokeKey",
    tag = "keys",
    security(("key" = ["admin"])),
    params(KeyPath, ByFields),
    responses((status = 204, description = "It is revoked."), NotRevoked)
)]
pub(crate) async fn revoke(
    State(app): State<App>,
    Path(KeyPath { id }): Path<KeyPath>,
    _: NoQuery,
    By(change): By,
) -> Result<StatusCode, Problem> {
    app.gate.api_keys().revoke(&id, &change).await?;
    app.access.read_again().await;
    Ok(StatusCode::NO_CONTENT)
}

impl Wanted {
    fn checked(self) -> Result<NewKey, Problem> {
        let Self { role, label, expires_at } = self;
        let role = role
            .parse()
            .map_err(|error| Problem::new(Kind::INVALID_VALUE, format!("{role:?}: {error}")).field("role"))?;
        let expires_at_us = expires_at.map(|text| time(&text)).transpose()?;
        Ok(NewKey { role, label, expires_at_us })
    }
}

fn time(text: &str) -> Result<u64, Problem> {
    let at = text.parse::<Timestamp>().ok();
    let us = at.and_then(|at| u64::try_from(at.as_microsecond()).ok()).filter(|us| *us > 0);
    us.ok_or_else(|| {
        let detail = format!("{text:?}, expected a time such as 2027-01-31T00:00:00Z");
        Problem::new(Kind::INVALID_VALUE, detail).field("expires_at")
    })
}

impl From<ApiKey> for Listed {
    fn from(key: ApiKey) -> Self {
        let ApiKey { id, role, label, author, made_at_us, expires_at_us, used_at_us, .. } = key;
        Self {
            id,
            role: role.as_str(),
            label,
            author,
            made_at: rfc3339::of_us(made_at_us),
            expires_at: expires_at_us.map(rfc3339::of_us),
            last_used_at: used_at_us.map(rfc3339::of_us),
        }
    }
}

impl From<MadeKey> for Made {
    fn from(made: MadeKey) -> Self {
        Self { key: made.token.expose().to_owned(), listed: made.key.into() }
    }
}
