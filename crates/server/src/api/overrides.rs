//! `/v1/{ns}/limits/{limit}/overrides/{key}`: what one key of a limit has instead of what the limit says.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use tollgate::{Change, Error, Override, Policy, PolicyError, PolicyVersion};
use utoipa::{IntoParams, ToSchema};

use super::change::{By, ByFields};
use super::dry_run::{self, Manner, Preview, or_dry_run};
use super::policy_answer;
use crate::app::App;
use crate::body;
use crate::description::{IN_NAMESPACE, OF_STORE, WITH_BODY, problems};
use crate::entity_tag::Condition;
use crate::params::{NoQuery, Query};
use crate::problem::{Kind, Problem};
use crate::rfc3339;
use crate::whole::whole_or_none;

/// A policy that another one writes at the same moment is met again on the next try; more than a few in a row are none.
const TRIES: usize = 8;

/// Which one.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct OverridePath {
    /// The limit's name.
    #[param(example = "org", min_length = 1)]
    limit: String,
    /// The key: the values that the limit is counted per, joined by `/`, with `%2F` for each `/` here.
    #[param(example = "acme", min_length = 1)]
    key: String,
}

/// What a key is to have instead of what the limit says; at least one field.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = OverrideRequest)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wanted {
    /// Such as `50/s`; not with `quota`.
    rate: Option<String>,
    /// Such as `600/1m`; not with `rate`.
    quota: Option<String>,
    /// Tokens of a full bucket.
    #[schema(minimum = 1, maximum = 4_294_967_295_i64)]
    #[serde(default, deserialize_with = "whole_or_none::<1, { u32::MAX }, _>")]
    burst: Option<u32>,
    /// How late a call may count against the quota, such as `500ms`.
    slack: Option<String>,
    /// Calls in flight.
    #[schema(minimum = 1, maximum = 1_000)]
    #[serde(default, deserialize_with = "whole_or_none::<1, 1_000, _>")]
    concurrent: Option<u32>,
    /// Smallest gap between two grants, such as `200ms`.
    spacing: Option<String>,
    /// Until when all of these hold, later than it is by the store's clock; for ever if it is not given. Within ten
    /// seconds after that the next version of the policy is without them.
    #[schema(format = DateTime)]
    expires_at: Option<String>,
    /// The organisation's weight where calls wait, if the limit is counted per organisation alone. It does not expire.
    #[schema(minimum = 1, maximum = 1_000)]
    #[serde(default, deserialize_with = "whole_or_none::<1, 1_000, _>")]
    weight: Option<u32>,
}

/// What a key has instead of what the limit says.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OverrideInForce)]
struct InForce<'a> {
    limit: &'a str,
    key: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    r#override: Option<&'a Override>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, minimum = 1, maximum = 1_000)]
    weight: Option<u32>,
}

/// What is said of a key, apart.
#[derive(Debug, Default, PartialEq, Eq)]
struct Said {
    own: Option<Override>,
    weight: Option<u32>,
}

problems!(NotRead: IN_NAMESPACE, OF_STORE, &[Kind::UNKNOWN_LIMIT, Kind::UNKNOWN_OVERRIDE]);

/// What a key of a limit has instead of what the limit says.
#[utoipa::path(
    get,
    path = "/limits/{limit}/overrides/{key}",
    operation_id = "getOverride",
    tag = "policy",
    security(("key" = ["viewer"])),
    params(OverridePath),
    responses(
        (
            status = 200,
            description = "The override.",
            body = InForce,
            headers(("Tollgate-Policy-Version" = u64))
        ),
        NotRead
    )
)]
pub(crate) async fn get(
    State(app): State<App>,
    Path(place): Path<OverridePath>,
    _: NoQuery,
) -> Result<Response, Problem> {
    let current = app.policy().await?;
    let policy = parsed(&current)?;
    place.check_limit(&policy)?;
    let said = place.said(&policy);
    if said == Said::default() {
        return Err(place.not_there());
    }
    Ok(place.answer(&current, &said))
}

or_dry_run!(OverrideOrDryRun, InForce<'_> as "OverrideInForce");

problems!(
    NotPut: IN_NAMESPACE, WITH_BODY, OF_STORE,
    &[Kind::UNKNOWN_LIMIT, Kind::CHANGED, Kind::INVALID_POLICY, Kind::INVALID_VALUE]
);

/// Gives a key of a limit something else than what the limit says, in place of what it had.
///
/// It is the next version of the policy, and binds every replica from the next grant on; what was spent stays spent.
/// Changes that others make meanwhile stay: without `If-Match` it is made on whichever policy is in force.
#[utoipa::path(
    put,
    path = "/limits/{limit}/overrides/{key}",
    operation_id = "putOverride",
    tag = "policy",
    security(("key" = ["operator"])),
    params(
        OverridePath,
        Manner,
        ("If-Match" = inline(Option<Condition>), Header,
            description = "The ETag of the policy that this one follows. Not required."),
        ByFields
    ),
    request_body(content = Wanted, description = "At most 64 KiB.", example = json!({"rate": "50/s", "burst": 50})),
    responses(
        (
            status = 200,
            description = "In force; or, with `dry_run`, what would change, without the header fields.",
            body = inline(OverrideOrDryRun),
            headers(("Tollgate-Policy-Version" = u64))
        ),
        NotPut
    )
)]
pub(crate) async fn put(
    State(app): State<App>,
    Path(place): Path<OverridePath>,
    Query(Manner { dry_run: is_dry_run }): Query<Manner>,
    by: By,
    headers: HeaderMap,
    body::Json(wanted): body::Json<Wanted>,
) -> Result<Response, Problem> {
    let change = by.or_reason(|| place.reason("override of"));
    let said = Said::from(wanted);
    if is_dry_run {
        return place.dry_run(&app, &headers, &said).await;
    }
    let version = place.change(&app, &headers, &change, &said).await?;
    // One that has run out at this very moment is not in force.
    let said = place.said(&parsed(&version)?);
    Ok(place.answer(&version, &said))
}

problems!(
    NotDeleted: IN_NAMESPACE, OF_STORE,
    &[Kind::UNKNOWN_LIMIT, Kind::UNKNOWN_OVERRIDE, Kind::CHANGED, Kind::INVALID_POLICY, Kind::INVALID_VALUE]
);

/// Has a key of a limit be as the limit says again.
#[utoipa::path(
    delete,
    path = "/limits/{limit}/overrides/{key}",
    operation_id = "deleteOverride",
    tag = "policy",
    security(("key" = ["operator"])),
    params(
        OverridePath,
        Manner,
        ("If-Match" = inline(Option<Condition>), Header,
            description = "The ETag of the policy that this one follows. Not required."),
        ByFields
    ),
    responses(
        (
            status = 200,
            description = "With `dry_run`: what would change.",
            body = Preview
        ),
        (
            status = 204,
            description = "It is gone.",
            headers(("Tollgate-Policy-Version" = u64))
        ),
        NotDeleted
    )
)]
pub(crate) async fn delete(
    State(app): State<App>,
    Path(place): Path<OverridePath>,
    Query(Manner { dry_run: is_dry_run }): Query<Manner>,
    by: By,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let change = by.or_reason(|| place.reason("no override of"));
    if is_dry_run {
        return place.dry_run(&app, &headers, &Said::default()).await;
    }
    let version = place.change(&app, &headers, &change, &Said::default()).await?;
    Ok((StatusCode::NO_CONTENT, policy_answer::fields_of(&version)).into_response())
}

impl OverridePath {
    /// Changes this override and nothing else: where others change the policy meanwhile it is made on theirs, unless
    /// the request says which one it follows.
    async fn change(
        &self,
        app: &App,
        headers: &HeaderMap,
        change: &Change,
        said: &Said,
    ) -> Result<PolicyVersion, Problem> {
        let condition = Condition::if_match(headers)?;
        for _ in 0..TRIES {
            let current = app.policy().await?;
            policy_answer::check(condition.as_ref(), &current)?;
            let policy = self.changed(&current, said)?;
            said.check_end(app).await?;
            match app.gate.put_policy(&policy, Some(&current.tag), change).await {
                Err(Error::Conflict { .. }) => {}
                written => return policy_answer::after(written),
            }
        }
        Err(Problem::new(Kind::POLICY_UNSETTLED, "the policy has changed at every try"))
    }

    /// Tells what that would change.
    async fn dry_run(&self, app: &App, headers: &HeaderMap, said: &Said) -> Result<Response, Problem> {
        let condition = Condition::if_match(headers)?;
        let current = app.policy().await?;
        policy_answer::check(condition.as_ref(), &current)?;
        let policy = self.changed(&current, said)?;
        said.check_end(app).await?;
        let run = Box::pin(app.gate.dry_run(&policy, Some(&current.tag)));
        dry_run::answer(app, run).await
    }

    /// A policy with something else said of this key, and all else as it is.
    fn changed(&self, current: &PolicyVersion, said: &Said) -> Result<Policy, Problem> {
        let policy = parsed(current)?;
        self.check_limit(&policy)?;
        if *said == Said::default() && self.said(&policy) == *said {
            return Err(self.not_there());
        }
        let policy = policy.with_override(&self.limit, &self.key, said.own.clone())?;
        Ok(policy.with_weight(&self.limit, &self.key, said.weight)?)
    }

    fn said(&self, policy: &Policy) -> Said {
        let own = policy.override_of(&self.limit, &self.key).cloned();
        Said { own, weight: policy.weight_of(&self.limit, &self.key) }
    }

    fn check_limit(&self, policy: &Policy) -> Result<(), Problem> {
        if policy.limits().iter().any(|known| known.name() == self.limit) {
            return Ok(());
        }
        let detail = format!("the policy has no limit {:?}", self.limit);
        Err(Problem::new(Kind::UNKNOWN_LIMIT, detail).field("limit"))
    }

    fn not_there(&self) -> Problem {
        let detail = format!("limit {} says nothing of the key {:?}", self.limit, self.key);
        Problem::new(Kind::UNKNOWN_OVERRIDE, detail).field("key")
    }

    fn answer(&self, version: &PolicyVersion, said: &Said) -> Response {
        let Said { own, weight } = said;
        let body = InForce { limit: &self.limit, key: &self.key, r#override: own.as_ref(), weight: *weight };
        (policy_answer::fields_of(version), Json(body)).into_response()
    }

    /// As long as a reason may be.
    fn reason(&self, what: &str) -> String {
        let reason = format!("{what} {} at limit {}", self.key, self.limit);
        let is_short = reason.len() <= Change::REASON_BYTES_MAX;
        if is_short { reason } else { format!("{what} a key at limit {}", self.limit) }
    }
}

impl Said {
    /// An end that is past would take away what the key has: that is a slip, or a request that has come too late.
    async fn check_end(&self, app: &App) -> Result<(), Problem> {
        let Some(end_us) = self.own.as_ref().and_then(Override::expires_at_us) else { return Ok(()) };
        let now_us = app.gate.clock_us().await?;
        if end_us > now_us {
            return Ok(());
        }
        let (end, now) = (rfc3339::of_us(end_us), rfc3339::of_us(now_us));
        let detail = format!("{end} is past, expected a time after {now}, which it is by the store's clock");
        Err(Problem::new(Kind::INVALID_VALUE, detail).field("expires_at"))
    }
}

impl From<Wanted> for Said {
    fn from(wanted: Wanted) -> Self {
        let Wanted { rate, quota, burst, slack, concurrent, spacing, expires_at, weight } = wanted;
        let (burst, concurrent) = (burst.map(u64::from), concurrent.map(u64::from));
        let own = Override { rate, quota, burst, slack, concurrent, spacing, expires_at };
        // Nothing at all is an override that can't be, which is told.
        let is_weight_alone = weight.is_some() && own == Override::default();
        Self { own: (!is_weight_alone).then_some(own), weight }
    }
}

/// What is in force was checked when it was written.
fn parsed(version: &PolicyVersion) -> Result<Policy, Problem> {
    Policy::from_json(&version.document).map_err(|error: PolicyError| Error::Policy(error).into())
}
