//! `?dry_run=true`: what a change of the policy would come to, instead of the change.

use std::future::Future;
use std::pin::Pin;

use axum::Json;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;
use tollgate::policy::{Difference, KeyChange, LimitChange, LimitChangeKind};
use tollgate::{
    BucketChange, BucketState, DryRun, Error, Limit, Measure, Mode, Policy, Unjudged, UnjudgedReason, WhatIf,
    WhatIfRow,
};
use utoipa::{IntoParams, ToSchema};

use super::{ms_rounded_up, policy_answer};
use crate::app::App;
use crate::description;
use crate::problem::{Kind, Problem};
use crate::rfc3339;

/// How to make a change.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct Manner {
    /// Change nothing. Tell what would change, for which buckets, and what the last hour's usage would have met.
    #[param(default = false, example = true)]
    #[serde(default)]
    pub(super) dry_run: bool,
}

/// What a change would come to. Nothing was changed.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DryRun)]
pub(super) struct Preview<'a> {
    #[schema(schema_with = description::only_true)]
    dry_run: bool,
    /// The version that it would be.
    version: u64,
    /// The entity tag of the policy in force, which it would follow; without the quotes.
    follows: &'a str,
    /// Whether it differs from the policy in force at all.
    changed: bool,
    #[schema(value_type = Policy)]
    policy: &'a RawValue,
    /// The limits there would be, with their defaults filled in.
    limits: &'a [Limit],
    changes: Changes<'a>,
    /// The buckets that have a record and would have other terms, at most 1,000: first those at which calls would begin
    /// to wait, then those that would lose most.
    buckets: Vec<ChangedBucket<'a>>,
    /// There are more of them, or so much in the store that not all was looked at.
    buckets_cut: bool,
    what_if: HeldAgainst<'a>,
}

/// What the policy would say otherwise.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PolicyChanges)]
struct Changes<'a> {
    limits: Vec<ChangedLimit<'a>>,
    /// What single keys have instead of what their limit says.
    overrides: Vec<ChangedKey<'a>>,
    /// Weights of organisations.
    weights: Vec<ChangedKey<'a>>,
    /// What is said beside the limits, such as `priority.batch`; `limit (order)` if the limits have another one.
    others: Vec<ChangedField<'a>>,
}

/// A limit that would be another one.
#[derive(Debug, Serialize, ToSchema)]
struct ChangedLimit<'a> {
    limit: &'a str,
    change: LimitChangeKind,
    /// With their defaults filled in.
    fields: Vec<ChangedField<'a>>,
}

/// A field, as it is and as it would be; without one of them where it is not there.
#[derive(Debug, Serialize, ToSchema)]
struct ChangedField<'a> {
    field: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Value, required = false)]
    now: Option<&'a Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Value, required = false)]
    then: Option<&'a Value>,
}

/// What is said of a key, and would be; without one of them where nothing is.
#[derive(Debug, Serialize, ToSchema)]
struct ChangedKey<'a> {
    limit: &'a str,
    key: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Value, required = false)]
    now: Option<&'a Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Value, required = false)]
    then: Option<&'a Value>,
}

/// A bucket as it is, and as it would be right after the change, at the same moment.
#[derive(Debug, Serialize, ToSchema)]
struct ChangedBucket<'a> {
    limit: &'a str,
    key: &'a str,
    measure: Measure,
    /// Missing if it is not counted now.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    now: Option<Fill>,
    /// Missing if it would be counted no more.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    then: Option<Fill>,
    /// Whether a call of one token would have to wait then.
    waits: bool,
    /// For how long. Missing where nobody knows, because all that may be are in flight.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    wait_ms: Option<u64>,
}

/// How full a bucket is, and would be.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = BucketFill)]
struct Fill {
    mode: Mode,
    /// Most tokens it holds, or how many calls may be in flight.
    burst: u64,
    /// Whole tokens in it, or how many more calls may be in flight.
    remaining: u64,
    /// Until it is full again, if nobody comes.
    reset_after_ms: u64,
    /// Until it earns again, if it is paused.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    paused_for_ms: Option<u64>,
    /// Of its rate at which it goes since the provider has refused calls, if it is not all of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, minimum = 2, maximum = 99)]
    pace_percent: Option<u32>,
}

/// What was granted in the last hour, held against the numbers there would be.
///
/// The books have minutes. So each key is given the best that can be: a bucket that was full at first, and calls that
/// came whenever in their minutes that suits it. What is over even so is a lower bound of what would have been refused,
/// or would have waited into another minute.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WhatIf)]
struct HeldAgainst<'a> {
    /// The hour that is judged, by the store's clock: whole minutes, the last ones that are in the books.
    #[schema(format = DateTime)]
    from: String,
    #[schema(format = DateTime)]
    to: String,
    /// Up to when all is in the books. Missing if that is not known yet: the hour then ends now, and some of it may be
    /// missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, format = DateTime)]
    complete_until: Option<String>,
    /// The keys of limits that would have other numbers, at most 1,000: first those with most over.
    rows: Vec<HeldKey<'a>>,
    /// There are more.
    rows_cut: bool,
    /// What can't be told, and why.
    unjudged: Vec<NotHeld<'a>>,
}

/// What a key was granted of a limit, and what of it would have been over.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WhatIfRow)]
struct HeldKey<'a> {
    limit: &'a str,
    measure: Measure,
    key: &'a str,
    mode: Mode,
    /// The limit in force that has counted it: the same, or one that counts the same calls per the same values.
    counted_by: &'a str,
    /// From when on it is judged: later than `from` of all where the limit counted something else until then.
    #[schema(format = DateTime)]
    from: String,
    /// Calls that were granted.
    granted: u64,
    /// Tokens that they cost, less those that were given back in that time.
    cost: i64,
    /// Calls that were refused, and are not held against the numbers.
    refused: u64,
    /// Calls that were granted after they had waited.
    waited: u64,
    /// Minutes in which more was granted than any bucket with these numbers can grant in one.
    minutes_over: u64,
    /// Tokens that no such bucket could have granted, each in its minute.
    cost_over: u64,
    /// The minute in which it was granted most.
    #[schema(format = DateTime)]
    busiest_at: String,
    /// Tokens in it.
    busiest_cost: u64,
    /// These in hundredths of what a bucket with the present numbers can grant in a minute that it begins full. Missing
    /// if the limit does not count that now.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    share_now_percent: Option<u64>,
    /// The same with the numbers there would be.
    share_then_percent: u64,
}

/// Usage that can't be held against the numbers there would be.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Unjudged)]
struct NotHeld<'a> {
    limit: &'a str,
    measure: Measure,
    /// `in_flight`: the books do not tell how long calls were in flight. `not_counted`: no limit in force counts the
    /// same calls per the same values. `others`: of the keys that have no row of their own only the sum is known.
    /// `changed_lately`: what the limit counts was changed so lately that no whole minute of it is in the books.
    reason: UnjudgedReason,
}

/// Describes what a change is answered: what it has come to, or what it would.
macro_rules! or_dry_run {
    ($name:ident, $answer:ty as $known:literal) => {
        /// What the change is answered, as the description of the API has it.
        struct $name;

        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
                let either = utoipa::openapi::schema::OneOfBuilder::new();
                let either = either.item(utoipa::openapi::Ref::from_schema_name($known));
                either.item(utoipa::openapi::Ref::from_schema_name("DryRun")).into()
            }
        }

        impl utoipa::ToSchema for $name {
            fn schemas(schemas: &mut Vec<(String, utoipa::openapi::RefOr<utoipa::openapi::Schema>)>) {
                use $crate::api::dry_run::Preview;
                schemas.push(($known.to_owned(), <$answer as utoipa::PartialSchema>::schema()));
                schemas.push(("DryRun".to_owned(), <Preview<'_> as utoipa::PartialSchema>::schema()));
                <$answer as utoipa::ToSchema>::schemas(schemas);
                <Preview<'_> as utoipa::ToSchema>::schemas(schemas);
            }
        }
    };
}

pub(super) use or_dry_run;

/// Answers with what would change. What was used is read for it, of which few may be at a time. What is asked comes in
/// a box: it is large.
pub(super) async fn answer(
    app: &App,
    asked: Pin<Box<impl Future<Output = Result<DryRun, Error>>>>,
) -> Result<Response, Problem> {
    let _place = app.usage_readers.acquire().await;
    let run = policy_answer::after(asked.await)?;
    let policy = RawValue::from_string(run.policy.to_json())
        .map_err(|error| Problem::new(Kind::INTERNAL, error.to_string()))?;
    Ok(Json(Preview::of(&run, &policy)).into_response())
}

impl<'a> Preview<'a> {
    fn of(run: &'a DryRun, policy: &'a RawValue) -> Self {
        Self {
            dry_run: true,
            version: run.version,
            follows: &run.follows,
            changed: run.is_change,
            policy,
            limits: run.policy.limits(),
            changes: Changes {
                limits: run.changes.limits.iter().map(ChangedLimit::from).collect(),
                overrides: run.changes.overrides.iter().map(ChangedKey::from).collect(),
                weights: run.changes.weights.iter().map(ChangedKey::from).collect(),
                others: run.changes.others.iter().map(ChangedField::from).collect(),
            },
            buckets: run.buckets.buckets.iter().map(ChangedBucket::from).collect(),
            buckets_cut: run.buckets.is_cut,
            what_if: HeldAgainst::from(&run.what_if),
        }
    }
}

impl<'a> From<&'a LimitChange> for ChangedLimit<'a> {
    fn from(changed: &'a LimitChange) -> Self {
        let fields = changed.fields.iter().map(ChangedField::from).collect();
        Self { limit: &changed.limit, change: changed.kind, fields }
    }
}

impl<'a> From<&'a Difference> for ChangedField<'a> {
    fn from(Difference { field, now, then }: &'a Difference) -> Self {
        Self { field, now: now.as_ref(), then: then.as_ref() }
    }
}

impl<'a> From<&'a KeyChange> for ChangedKey<'a> {
    fn from(changed: &'a KeyChange) -> Self {
        let (now, then) = (changed.now.as_ref(), changed.then.as_ref());
        Self { limit: &changed.limit, key: &changed.key, now, then }
    }
}

impl<'a> From<&'a BucketChange> for ChangedBucket<'a> {
    fn from(changed: &'a BucketChange) -> Self {
        Self {
            limit: &changed.limit,
            key: &changed.key,
            measure: changed.measure,
            now: changed.now.as_ref().map(Fill::from),
            then: changed.then.as_ref().map(Fill::from),
            waits: changed.waits(),
            wait_ms: changed.wait.map(ms_rounded_up).filter(|_| changed.waits()),
        }
    }
}

impl From<&BucketState> for Fill {
    fn from(state: &BucketState) -> Self {
        Self {
            mode: state.mode,
            burst: state.burst,
            remaining: state.remaining,
            reset_after_ms: ms_rounded_up(state.reset_after),
            paused_for_ms: Some(ms_rounded_up(state.paused_for)).filter(|&ms| ms > 0),
            pace_percent: Some(state.pace_percent).filter(|&percent| percent < 100),
        }
    }
}

impl<'a> From<&'a WhatIf> for HeldAgainst<'a> {
    fn from(what_if: &'a WhatIf) -> Self {
        let complete_us = what_if.complete_until_us;
        Self {
            from: rfc3339::of_us(what_if.from_us),
            to: rfc3339::of_us(what_if.to_us),
            complete_until: (complete_us > 0).then(|| rfc3339::of_us(complete_us)),
            rows: what_if.rows.iter().map(HeldKey::from).collect(),
            rows_cut: what_if.is_cut,
            unjudged: what_if.unjudged.iter().map(NotHeld::from).collect(),
        }
    }
}

impl<'a> From<&'a WhatIfRow> for HeldKey<'a> {
    fn from(row: &'a WhatIfRow) -> Self {
        Self {
            limit: &row.limit,
            measure: row.measure,
            key: &row.key,
            mode: row.mode,
            counted_by: &row.counted_by,
            from: rfc3339::of_us(row.from_us),
            granted: row.counts.granted,
            cost: row.counts.tokens,
            refused: row.counts.refused,
            waited: row.counts.waits,
            minutes_over: row.minutes_over,
            cost_over: row.over,
            busiest_at: rfc3339::of_us(row.busiest_at_us),
            busiest_cost: row.busiest_tokens,
            share_now_percent: row.share_now_percent,
            share_then_percent: row.share_then_percent,
        }
    }
}

impl<'a> From<&'a Unjudged> for NotHeld<'a> {
    fn from(unjudged: &'a Unjudged) -> Self {
        Self { limit: &unjudged.limit, measure: unjudged.measure, reason: unjudged.reason }
    }
}
