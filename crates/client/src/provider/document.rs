//! The document of an adapter as it is written: its fields, their types, and nothing checked beyond that.

use super::source::Written;
use super::time::Unit;
use crate::policy::{OneOrMore, optional_tables, table, tables, word};
use serde::{Deserialize, Serialize};

/// A whole adapter. Every field may be absent: then it is what the adapter has that it extends.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Adapter))]
#[serde(deny_unknown_fields)]
pub(crate) struct AdapterDocument {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) extends: Option<String>,
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "optional_tables")]
    pub(super) throttled: Option<Vec<ThrottledDocument>>,
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "optional_tables")]
    pub(super) wait: Option<Vec<WaitDocument>>,
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "optional_tables")]
    pub(super) backoff: Option<Vec<StepDocument>>,
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "table")]
    pub(super) limit: Option<NamedDocument>,
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "optional_tables")]
    pub(super) quota: Option<Vec<QuotaDocument>>,
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "table")]
    pub(super) cost: Option<SourceDocument>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) body_bytes_max: Option<u64>,
}

impl AdapterDocument {
    /// Itself, with what it leaves out taken from another.
    pub(super) fn over(self, other: AdapterDocument) -> AdapterDocument {
        AdapterDocument {
            extends: self.extends,
            throttled: self.throttled.or(other.throttled),
            wait: self.wait.or(other.wait),
            backoff: self.backoff.or(other.backoff),
            limit: self.limit.or(other.limit),
            quota: self.quota.or(other.quota),
            cost: self.cost.or(other.cost),
            body_bytes_max: self.body_bytes_max.or(other.body_bytes_max),
        }
    }
}

/// One `throttled`: answers that mean it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = AdapterThrottled))]
#[serde(deny_unknown_fields)]
pub(super) struct ThrottledDocument {
    pub(super) status: Vec<u16>,
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "table")]
    pub(super) when: Option<ConditionDocument>,
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "word")]
    pub(super) executed: Option<Executed>,
}

/// Whether a throttled call was carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = AdapterExecuted))]
#[serde(rename_all = "lowercase")]
pub(super) enum Executed {
    No,
    Unknown,
}

/// A text that an answer must hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = AdapterCondition))]
#[serde(deny_unknown_fields)]
pub(super) struct ConditionDocument {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    header: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    body: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pattern: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) is: Option<OneOrMore>,
}

/// Where a text or a number stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = AdapterSource))]
#[serde(deny_unknown_fields)]
pub(super) struct SourceDocument {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    header: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    body: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pattern: Option<String>,
}

/// Where a time stands, and in what unit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = AdapterTime))]
#[serde(deny_unknown_fields)]
pub(super) struct TimeDocument {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    header: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    body: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pattern: Option<String>,
    #[serde(rename = "as", default, skip_serializing_if = "Option::is_none", deserialize_with = "word")]
    pub(super) unit: Option<Unit>,
}

/// One `wait`: a time that stands in the answer, or one of two that are worked out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = AdapterWait))]
#[serde(deny_unknown_fields)]
pub(super) struct WaitDocument {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    header: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    body: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pattern: Option<String>,
    #[serde(rename = "as", default, skip_serializing_if = "Option::is_none", deserialize_with = "word")]
    pub(super) unit: Option<Unit>,
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "word")]
    pub(super) quota: Option<WhichQuota>,
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "table")]
    pub(super) refill: Option<RefillDocument>,
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "table")]
    pub(super) when: Option<ConditionDocument>,
}

/// Whose reset is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = AdapterWhichQuota))]
#[serde(rename_all = "kebab-case")]
pub(super) enum WhichQuota {
    UsedUp,
}

/// The wait until a bucket holds what the call wanted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = AdapterRefill))]
#[serde(deny_unknown_fields)]
pub(super) struct RefillDocument {
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "table")]
    pub(super) wanted: Option<SourceDocument>,
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "table")]
    pub(super) available: Option<SourceDocument>,
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "table")]
    pub(super) per_second: Option<SourceDocument>,
}

/// One step of the back-off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = AdapterStep))]
#[serde(deny_unknown_fields)]
pub(super) struct StepDocument {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) after: Option<String>,
    pub(super) wait: String,
}

/// `limit`: where the name of the limit stands that was hit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = AdapterLimit))]
#[serde(deny_unknown_fields)]
pub(super) struct NamedDocument {
    #[serde(deserialize_with = "tables")]
    pub(super) name: Vec<SourceDocument>,
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "table")]
    pub(super) value: Option<SourceDocument>,
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "table")]
    pub(super) when: Option<ConditionDocument>,
}

/// One `quota`: where the figures of a quota stand.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = AdapterQuota))]
#[serde(deny_unknown_fields)]
pub(super) struct QuotaDocument {
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "table")]
    pub(super) structured: Option<StructuredDocument>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "table")]
    pub(super) name_from: Option<SourceDocument>,
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "table")]
    pub(super) limit: Option<SourceDocument>,
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "table")]
    pub(super) remaining: Option<SourceDocument>,
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "table")]
    pub(super) used: Option<SourceDocument>,
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "table")]
    pub(super) resets_in: Option<TimeDocument>,
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "table")]
    pub(super) per_second: Option<SourceDocument>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) window: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "table")]
    pub(super) window_from: Option<TimeDocument>,
}

/// The header fields that hold quotas as structured fields.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = AdapterStructured))]
#[serde(deny_unknown_fields)]
pub(super) struct StructuredDocument {
    pub(super) current: String,
    pub(super) policy: String,
}

/// Says where a document's text stands.
macro_rules! written {
    ($($document:ty),*) => {$(
        impl $document {
            pub(super) fn written(&self) -> Written<'_> {
                Written {
                    header: self.header.as_deref(),
                    body: self.body.as_deref(),
                    pattern: self.pattern.as_deref(),
                }
            }
        }
    )*};
}

written!(ConditionDocument, SourceDocument, TimeDocument, WaitDocument);
