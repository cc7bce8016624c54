//! What an answer of the provider said, and what came of it.

use serde::Serialize;
use tollgate::provider::{ProviderLimit, QuotaReading, Reading, WaitSource};
use tollgate::{Observation, Pause};

use super::super::ms_rounded_up;

/// The answer to an observation.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Observed {
    throttled: bool,
    /// How long to wait before the next call; not there if the call was not throttled.
    #[serde(skip_serializing_if = "Option::is_none")]
    wait_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    wait_source: Option<&'static str>,
    /// The limit that was hit, where the provider names it.
    #[serde(skip_serializing_if = "Option::is_none")]
    provider_limit: Option<Named>,
    #[serde(skip_serializing_if = "Option::is_none")]
    paused: Option<Paused>,
    quotas: Vec<Quota>,
    /// What the call has cost in truth.
    #[serde(skip_serializing_if = "Option::is_none")]
    cost: Option<u64>,
}

/// A limit, as the provider names it.
#[derive(Debug, Serialize)]
struct Named {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<u64>,
}

/// The bucket that explains the refusal.
#[derive(Debug, Serialize)]
struct Paused {
    name: String,
    key: String,
    pause_ms: u64,
    pace_percent: u32,
    /// Whether the call was granted after the last refusal had been taken up.
    news: bool,
    cut: bool,
}

/// What is told of one quota.
#[derive(Debug, Serialize)]
struct Quota {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    limit: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    remaining: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    used: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resets_in_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
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
                WaitSource::Told => "told",
                WaitSource::Default => "default",
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
