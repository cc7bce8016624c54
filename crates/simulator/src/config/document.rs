//! The configuration as it is written: its fields, and the ranges of single values.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::quantity::{Count, Delay, Length, Percent, Probability, Rate};
use crate::limit::{Attribute, Kind};

/// The whole file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Document {
    /// Whose answers it gives.
    pub(super) shape: Shape,
    /// Whether a refused call counts at the limits that did not refuse it.
    #[serde(default)]
    pub(super) refused_counts: bool,
    #[serde(default)]
    pub(super) throttle: ThrottleDocument,
    #[serde(default)]
    pub(super) limit: Vec<LimitDocument>,
    #[serde(default)]
    pub(super) change: Vec<ChangeDocument>,
    #[serde(default)]
    pub(super) background: Vec<BackgroundDocument>,
    #[serde(default)]
    pub(super) client: Vec<ClientDocument>,
    pub(super) oauth: Option<OauthDocument>,
    #[serde(default)]
    pub(super) latency: LatencyDocument,
    #[serde(default)]
    pub(super) faults: FaultsDocument,
}

/// Whose answers a provider gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Shape {
    GenesysCloud,
    Ietf,
    XRatelimit,
    Github,
    Hubspot,
    Salesforce,
    Zendesk,
    ShopifyRest,
    ShopifyGraphql,
    Slack,
}

/// `[throttle]`: what refusals look like, where the provider is known to differ with itself.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ThrottleDocument {
    #[serde(default)]
    pub(super) retry_after: RetryAfter,
    #[serde(default)]
    pub(super) code: Code,
    #[serde(default)]
    pub(super) reset: Reset,
    pub(super) status: Option<u16>,
}

/// Whether refusals have the header.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum RetryAfter {
    #[default]
    Sent,
    Missing,
}

/// The `code` of a Genesys Cloud body.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub(crate) enum Code {
    #[default]
    #[serde(rename = "too.many.requests.retry.after")]
    RetryAfter,
    #[serde(rename = "too.many.requests")]
    Plain,
}

/// What the reset of `X-RateLimit` fields counts in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Reset {
    #[default]
    EpochSeconds,
    DeltaSeconds,
    DeltaMilliseconds,
}

/// One `[[limit]]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LimitDocument {
    /// Namespace and key.
    pub(super) name: String,
    /// What it is counted per; over everything where the list is empty.
    pub(super) per: Vec<Attribute>,
    /// The paths that it counts, all without it.
    pub(super) path: Option<String>,
    /// The method that it counts, all without it.
    pub(super) method: Option<String>,
    pub(super) kind: Kind,
    pub(super) value: Count,
    /// The length of the window, or the time in which a full bucket leaks empty.
    pub(super) window: Option<Length>,
    pub(super) cost: Option<CostDocument>,
    /// Whether a refusal names it.
    #[serde(default = "yes")]
    pub(super) said: bool,
    /// Whether the limits API lists it.
    #[serde(default = "yes")]
    pub(super) listed: bool,
    #[serde(default)]
    pub(super) description: String,
    pub(super) under_load: Option<UnderLoadDocument>,
    /// Values of single keys.
    #[serde(default, rename = "override")]
    pub(super) overrides: BTreeMap<String, Count>,
}

/// A cost by page size.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CostDocument {
    pub(super) query: String,
    pub(super) per: Count,
}

/// A limit that shrinks while more calls than `above` come.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct UnderLoadDocument {
    pub(super) above: Rate,
    pub(super) percent: Percent,
}

/// One `[[change]]`: from a time on, a limit has another value.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ChangeDocument {
    pub(super) at: Delay,
    pub(super) limit: String,
    pub(super) value: Count,
    /// Of this key only; without it, of all that have no values of their own.
    pub(super) key: Option<String>,
}

/// One `[[background]]`: calls of others.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BackgroundDocument {
    /// For whom; without it, for every org of the configured clients.
    pub(super) org: Option<String>,
    /// As whom: another client than yours, unless it says yours.
    #[serde(default = "other_client")]
    pub(super) client: String,
    #[serde(default = "get")]
    pub(super) method: String,
    pub(super) path: String,
    pub(super) rate: Rate,
    #[serde(default)]
    pub(super) arrivals: Arrivals,
    #[serde(default)]
    pub(super) from: Delay,
    pub(super) until: Option<Length>,
}

/// How calls of others are spread.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Arrivals {
    #[default]
    Poisson,
    Regular,
}

/// One `[[client]]`, or many alike.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ClientDocument {
    pub(super) id: String,
    pub(super) secret: String,
    pub(super) org: String,
    /// So many, with `{n}` in the three texts from 1 to this.
    pub(super) count: Option<Count>,
}

/// `[oauth]`: tokens, and the limit of their endpoint.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OauthDocument {
    /// How long a token is good for.
    pub(super) lifetime: Option<Length>,
    /// Most tokens for a client...
    pub(super) value: Option<Count>,
    /// ... within this.
    pub(super) window: Option<Length>,
}

/// `[latency]`: how long answers take.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LatencyDocument {
    #[serde(default)]
    pub(super) base: Delay,
    /// Up to this more.
    #[serde(default)]
    pub(super) jitter: Delay,
}

/// `[faults]`: what goes wrong, apart from limits.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FaultsDocument {
    /// How likely the connection is reset.
    #[serde(default)]
    pub(super) reset: Probability,
    /// How likely an answer is an error of the provider.
    #[serde(default)]
    pub(super) error: Probability,
    pub(super) status: Option<u16>,
    /// Whether calls fail after they were counted, or before.
    #[serde(default)]
    pub(super) counted: bool,
}

fn yes() -> bool {
    true
}

fn get() -> String {
    "GET".to_owned()
}

fn other_client() -> String {
    "others".to_owned()
}
