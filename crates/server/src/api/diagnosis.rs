//! `GET /v1/{ns}/diagnosis`: why calls are slow or refused.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use tollgate::{Busy, Diagnosis, DiagnosisQuery, Finding, FindingKind, Measure, Severity};
use utoipa::openapi::schema::Object;
use utoipa::{IntoParams, ToSchema};

use super::buckets::check_limit;
use super::usage::{LIMIT_BYTES_MAX, check_length};
use super::words;
use crate::app::App;
use crate::description::{IN_NAMESPACE, OF_STORE, problems};
use crate::params::Query;
use crate::problem::{Kind, Problem};
use crate::rfc3339;

/// For whom, and where.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct Asked {
    /// What can hold up calls of this organisation: its own buckets, and those that it shares with others.
    #[param(max_length = 256)]
    org: Option<String>,
    /// Only this limit, beside what holds up all calls.
    limit: Option<String>,
}

/// What is wrong, as far as the store knows.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Diagnosis)]
pub(crate) struct Told {
    /// Nothing was found.
    healthy: bool,
    /// When it was asked, by the store's clock.
    #[schema(format = DateTime)]
    at: String,
    /// What was found, the severest first; at most a hundred.
    findings: Vec<Found>,
    /// Not everything was looked at, or not all that was found is told: there is too much.
    is_cut: bool,
}

/// Something that is wrong, or that explains why calls are slow or refused.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Finding)]
struct Found {
    /// `high`: calls are held up or refused now. `medium`: they are slower than they could be, or were refused lately.
    /// `low`: to be known.
    #[schema(schema_with = severities)]
    severity: &'static str,
    #[schema(schema_with = kinds)]
    kind: &'static str,
    /// The limit it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    limit: Option<String>,
    /// Which of its buckets. Missing where it is about all of them, or about all keys that have no row of their own in
    /// the books.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    key: Option<String>,
    /// What of the limit is counted there.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    measure: Option<Measure>,
    /// The replica it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    replica: Option<String>,
    /// From when on it has been so, if that is known, by the store's clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, format = DateTime)]
    since: Option<String>,
    /// Until when it is so.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, format = DateTime)]
    until: Option<String>,
    /// How much, by name, such as `paused_for_ms`; each kind has its own.
    figures: BTreeMap<&'static str, u64>,
    /// Who has used most in the last ten minutes, where organisations share the bucket: as `usage` has it with
    /// `by=org`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    busiest: Vec<Busiest>,
    /// What it is and what to do about it.
    text: String,
}

/// What an organisation has used lately.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = BusyOrg)]
struct Busiest {
    org: String,
    /// Calls that were granted.
    granted: u64,
    /// Tokens that they cost, less those that were given back.
    cost: i64,
}

fn severities() -> Object {
    words::schema([Severity::High, Severity::Medium, Severity::Low].map(Severity::as_str)).build()
}

fn kinds() -> Object {
    words::schema(FindingKind::ALL.map(FindingKind::as_str)).build()
}

problems!(NotTold: IN_NAMESPACE, OF_STORE, &[Kind::UNKNOWN_LIMIT, Kind::INVALID_VALUE]);

/// Why calls are slow or refused: buckets that are paused, slowed down or used up and who waits there, who was refused
/// lately, and what is wrong with the fleet and the policy. Only what the store knows.
#[utoipa::path(
    get,
    path = "/diagnosis",
    operation_id = "diagnosis",
    tag = "diagnosis",
    security(("key" = ["viewer"])),
    params(Asked),
    responses((status = 200, description = "What was found, or that nothing was.", body = Told), NotTold)
)]
pub(crate) async fn get(State(app): State<App>, Query(asked): Query<Asked>) -> Result<Json<Told>, Problem> {
    let Asked { org, limit } = asked;
    check_length("org", org.as_deref(), 0..=LIMIT_BYTES_MAX)?;
    check_length("limit", limit.as_deref(), 0..=LIMIT_BYTES_MAX)?;
    if let Some(limit) = &limit {
        check_limit(&app, limit).await?;
    }
    // It reads as much of the books as somebody who asks for them.
    let _place = app.usage_readers.acquire().await;
    let Diagnosis { now_us, findings, is_cut, .. } =
        app.gate.diagnosis(&DiagnosisQuery { org, limit }).await?;
    let healthy = findings.is_empty();
    let findings = findings.into_iter().map(Found::from).collect();
    Ok(Json(Told { healthy, at: rfc3339::of_us(now_us), findings, is_cut }))
}

impl From<Finding> for Found {
    fn from(finding: Finding) -> Self {
        Self {
            severity: finding.severity().as_str(),
            kind: finding.kind.as_str(),
            limit: finding.limit,
            key: finding.key,
            measure: finding.measure,
            replica: finding.replica,
            since: finding.since_us.map(rfc3339::of_us),
            until: finding.until_us.map(rfc3339::of_us),
            figures: finding.figures,
            busiest: finding.busiest.into_iter().map(Busiest::from).collect(),
            text: finding.text,
        }
    }
}

impl From<Busy> for Busiest {
    fn from(busy: Busy) -> Self {
        Self { org: busy.org, granted: busy.granted, cost: busy.tokens }
    }
}
