//! What an answer of the provider said, and what came of it.

use serde::Serialize;
use tollgate::provider::{ProviderLimit, QuotaReading, Reading, WaitSource};
use tollgate::{Observation, Pause};
use utoipa::ToSchema;

use super::super::ms_rounded_up;

/// The answer to an observation.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(crate) struct Observed {
    /// Whether the provider refused the call because of a limit.
    throttled: bool,
    /// How long to wait before the next call, rounded up; 0 if it may go at once. Missing if the call was not
    /// throttled.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    wait_ms: Option<u64>,
    /// Who says so: the provider in this answer, or the adapter where that does not tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    wait_source: Option<Source>,
    /// The limit that was hit, where the provider names it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    provider_limit: Option<Named>,
    /// The bucket that the refusal is put down to. Missing if the call was not throttled, or passes no enforced limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    paused: Option<Paused>,
    /// What the answer tells of quotas.
    #[schema(max_items = 32)]
    quotas: Vec<Quota>,
    /// What the call has cost in truth, in the provider's points, rounded up.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    cost: Option<u64>,
}

/// Who says how long to wait.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WaitSource)]
#[serde(rename_all = "lowercase")]
enum Source {
    Told,
    Default,
}

/// A limit, as the provider names it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ProviderLimit)]
struct Named {
    name: String,
    /// How much it allows.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    value: Option<u64>,
}

/// The bucket that explains the refusal.
#[derive(Debug, Serialize, ToSchema)]
struct Paused {
    name: String,
    key: String,
    /// Until it earns again, rounded up. 0 if the refusal is of a call from before a pause that is over.
    pause_ms: u64,
    /// At which part of its rate it goes then.
    #[schema(minimum = 2, maximum = 100)]
    pace_percent: u32,
    /// Whether the call was granted after the last refusal of this bucket had been taken up. Refusals of calls that
    /// were on their way by then all tell the same, and cut nothing.
    news: bool,
    /// Whether its pace was cut by this answer; it is once in a window, however many calls are refused in it.
    cut: bool,
}

/// What is told of one quota; at least one of limit, remaining, used and `resets_in_ms`.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = QuotaReading)]
struct Quota {
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    name: Option<String>,
    /// Which of its parts, where the provider counts per key.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    limit: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    remaining: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    used: Option<u64>,
    /// Until there is more of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    resets_in_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    window_ms: Option<u64>,
}

impl From<Observation> for Observed {
    fn from(observation: Observation) -> Self {
        let Observation { reading, pause, .. } = observation;
        let Reading { throttled, quotas, cost, .. } = reading;
        let told = Self {
            paused: pause.map(Paused::from),
            quotas: quotas.into_iter().map(Quota::from).collect(),
            cost,
            ..Self::default()
        };
        let Some(throttled) = throttled else { return told };
        Self {
            throttled: true,
            wait_ms: Some(ms_rounded_up(throttled.wait.duration)),
            wait_source: Some(match throttled.wait.source {
                WaitSource::Told => Source::Told,
                WaitSource::Default => Source::Default,
            }),
            provider_limit: throttled.limit.map(|ProviderLimit { name, value, .. }| Named { name, value }),
            ..told
        }
    }
}

impl From<Pause> for Paused {
    fn from(pause: Pause) -> Self {
        let Pause { limit, key, wait, pace_percent, is_news, is_cut, .. } = pause;
        let pause_ms = ms_rounded_up(wait);
        Self { name: limit, key, pause_ms, pace_percent, news: is_news, cut: is_cut }
    }
}

impl From<QuotaReading> for Quota {
    fn from(quota: QuotaReading) -> Self {
        let QuotaReading { name, key, limit, remaining, used, resets_in, window, .. } = quota;
        let (resets_in_ms, window_ms) = (resets_in.map(ms_rounded_up), window.map(ms_rounded_up));
        Self { name, key, limit, remaining, used, resets_in_ms, window_ms }
    }
}
