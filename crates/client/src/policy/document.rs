//! The policy document as it is written: its fields, their types, and nothing checked beyond that.

use super::table::{Table, table, tables, word};
use crate::provider::AdapterDocument;
use jiff::Timestamp;
use serde::de::{Error, MapAccess, SeqAccess, Visitor, value::SeqAccessDeserializer};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

/// The whole document. Generic in how it holds its limits, so that a policy can write them without a copy.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(description = "The limits of a namespace."))]
#[serde(deny_unknown_fields)]
pub(super) struct Document<L> {
    /// One account at a provider.
    #[cfg_attr(feature = "openapi", schema(pattern = r"^[a-z0-9][a-z0-9._-]{0,63}$"))]
    pub(super) namespace: String,
    /// Whose answers are understood: an adapter that is built in, by default `generic`, or the name of `adapter`.
    #[cfg_attr(feature = "openapi", schema(pattern = r"^[a-z0-9][a-z0-9._-]{0,63}$"))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) provider: Option<String>,
    /// An adapter of its own.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "table")]
    pub(super) adapter: Option<Box<AdapterDocument>>,
    /// The weights of the priorities, where calls wait.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "table")]
    pub(super) priority: Option<PriorityDocument>,
    /// Organisations whose granted calls the audit trail tells one by one, each 1 to 256 bytes.
    #[cfg_attr(feature = "openapi", schema(max_items = 100))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) record_calls: Vec<String>,
    /// The limits, in the order in which calls pass them.
    #[cfg_attr(feature = "openapi", schema(max_items = 256))]
    #[serde(default = "Vec::new", deserialize_with = "tables", bound(deserialize = "L: Deserialize<'de>"))]
    pub(super) limit: Vec<L>,
}

/// `[priority]`: the weights of the priorities.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = PriorityWeights, description = "The weights of the priorities."))]
#[serde(deny_unknown_fields)]
pub(super) struct PriorityDocument {
    #[cfg_attr(feature = "openapi", schema(minimum = 1, maximum = 1_000, default = 128))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) interactive: Option<u32>,
    #[cfg_attr(feature = "openapi", schema(minimum = 1, maximum = 1_000, default = 8))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) normal: Option<u32>,
    #[cfg_attr(feature = "openapi", schema(minimum = 1, maximum = 1_000, default = 1))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) batch: Option<u32>,
}

/// One `[[limit]]`. Optional fields stay absent when they are: defaults are worked out later, never written.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = PolicyLimit, description = "A limit as it is written: without what it has by default."))]
#[serde(deny_unknown_fields)]
pub(super) struct LimitDocument {
    /// Unique in the policy.
    #[cfg_attr(feature = "openapi", schema(pattern = r"^[a-z0-9][a-z0-9._-]{0,63}$"))]
    pub(super) name: String,
    /// The provider's own names of it, 1 to 256 bytes each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) names: Vec<String>,
    /// The calls it applies to; without it all.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "table")]
    pub(super) when: Option<When>,
    /// What it is counted per, each of `org`, `client`, `token`, `provider`, `method`, `path` and `attributes.<name>`.
    /// An empty list makes one bucket that all calls share.
    pub(super) per: Vec<String>,
    /// So many tokens in a span of time, as a bucket that refills evenly. A limit has a rate, a quota, `concurrent` or
    /// `spacing`, and not both a rate and a quota.
    #[cfg_attr(feature = "openapi", schema(pattern = r"^[0-9]+/[0-9]*(us|ms|s|m|h|d)$", example = "10/s"))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) rate: Option<String>,
    /// Of a quota no window of its length, at any phase, sees more, the burst included.
    #[cfg_attr(feature = "openapi", schema(pattern = r"^[0-9]+/[0-9]*(us|ms|s|m|h|d)$", example = "300/1m"))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) quota: Option<String>,
    /// Tokens of a full bucket; by default what a rate gives in a second, or a tenth of a quota.
    #[cfg_attr(feature = "openapi", schema(minimum = 1))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) burst: Option<u64>,
    /// How late a call may reach the provider after its grant, with a quota only.
    #[cfg_attr(feature = "openapi", schema(pattern = r"^[0-9]+(us|ms|s|m|h|d)$", default = "0s"))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) slack: Option<String>,
    /// `observe` counts and reports, and never refuses.
    #[cfg_attr(feature = "openapi", schema(default = "enforce"))]
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "word")]
    pub(super) mode: Option<Mode>,
    /// Most buckets of each measure.
    #[cfg_attr(feature = "openapi", schema(minimum = 1, maximum = 100_000_000, default = 1_000_000))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) max_keys: Option<u64>,
    /// Without the store calls are refused; the others are not supported yet.
    #[cfg_attr(feature = "openapi", schema(default = "refuse"))]
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "word")]
    pub(super) on_outage: Option<OnOutage>,
    /// Calls that may be in flight at once.
    #[cfg_attr(feature = "openapi", schema(minimum = 1, maximum = 1_000))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) concurrent: Option<u64>,
    /// How long a call counts as in flight unless that is renewed, `1s` to `1h`, with `concurrent` only.
    #[cfg_attr(feature = "openapi", schema(pattern = r"^[0-9]+(us|ms|s|m|h|d)$", default = "30s"))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) lease: Option<String>,
    /// The smallest gap between two grants.
    #[cfg_attr(feature = "openapi", schema(pattern = r"^[0-9]+(us|ms|s|m|h|d)$", example = "200ms"))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) spacing: Option<String>,
    /// What a call costs, read off its query, with a rate or a quota only.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "table")]
    pub(super) cost: Option<Cost>,
    /// It was not written by anybody, but taken up when the provider named it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) learned: bool,
    /// By organisation, its weight where calls wait at this limit, 1 to 1,000.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "unique")]
    pub(super) weight: BTreeMap<String, u32>,
    /// By key, what the limit has instead.
    #[serde(
        rename = "override",
        default,
        skip_serializing_if = "BTreeMap::is_empty",
        deserialize_with = "unique_tables"
    )]
    pub(super) overrides: BTreeMap<String, Override>,
}

/// The calls a limit applies to: all conditions that are given must hold, of a list any value.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct When {
    /// Patterns of paths: `*` inside one segment, `**` for any number of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) path: Option<OneOrMore>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) method: Option<OneOrMore>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) org: Option<OneOrMore>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) client: Option<OneOrMore>,
}

/// What one key of a limit has instead of what the limit says. What is `None` is as the limit says it. The fields are
/// those of the document, described at the [module](crate::policy).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Override {
    /// Another rate, such as `50/s`.
    #[cfg_attr(feature = "openapi", schema(pattern = r"^[0-9]+/[0-9]*(us|ms|s|m|h|d)$"))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<String>,
    /// Another quota, such as `600/1m`.
    #[cfg_attr(feature = "openapi", schema(pattern = r"^[0-9]+/[0-9]*(us|ms|s|m|h|d)$"))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quota: Option<String>,
    /// Another burst, in tokens.
    #[cfg_attr(feature = "openapi", schema(minimum = 1))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub burst: Option<u64>,
    /// Another slack, such as `500ms`.
    #[cfg_attr(feature = "openapi", schema(pattern = r"^[0-9]+(us|ms|s|m|h|d)$"))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slack: Option<String>,
    /// Another number of calls in flight, 1 to 1,000.
    #[cfg_attr(feature = "openapi", schema(minimum = 1, maximum = 1_000))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concurrent: Option<u64>,
    /// Another gap between two grants, such as `200ms`.
    #[cfg_attr(feature = "openapi", schema(pattern = r"^[0-9]+(us|ms|s|m|h|d)$"))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spacing: Option<String>,
    /// Until when it holds, in RFC 3339, such as `2027-01-31T00:00:00Z`; for ever if it does not say so. Within ten
    /// seconds after that a replica puts the next version of the policy into force, without it.
    #[cfg_attr(feature = "openapi", schema(format = DateTime))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<String>,
}

impl Override {
    /// When it runs out, in microseconds since 1970; `None` if it never does, or what it says is no time. Times before
    /// that are 0.
    #[must_use]
    pub fn expires_at_us(&self) -> Option<u64> {
        let at: Timestamp = self.expires_at.as_deref()?.parse().ok()?;
        Some(u64::try_from(at.as_microsecond()).unwrap_or(0))
    }
}

/// A cost read off the call: so many items of a query parameter to a token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct Cost {
    /// The parameter.
    pub(super) query: String,
    /// So many of its number to a token, rounded up.
    #[cfg_attr(feature = "openapi", schema(minimum = 1, maximum = 1_000_000_000))]
    pub(super) per: u64,
}

/// Whether a limit refuses calls or only counts them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// A call that does not fit waits or is refused.
    #[default]
    Enforce,
    /// A dry run: every call is counted and none is held up, so that an operator sees what a limit would do.
    Observe,
}

/// What happens to a limit while the store can't be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub(super) enum OnOutage {
    Share,
    Refuse,
    Allow,
}

/// A text or a list of texts. A list of one is written as the text alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OneOrMore(pub(crate) Vec<String>);

impl Serialize for OneOrMore {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.as_slice() {
            [one] => one.serialize(serializer),
            more => more.serialize(serializer),
        }
    }
}

/// By hand: an untagged enum would say "did not match any variant" and lose the index of a wrong item.
impl<'de> Deserialize<'de> for OneOrMore {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Texts;

        impl<'de> Visitor<'de> for Texts {
            type Value = OneOrMore;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("a text or a list of texts")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<OneOrMore, E> {
                Ok(OneOrMore(vec![text.to_owned()]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, texts: A) -> Result<OneOrMore, A::Error> {
                Deserialize::deserialize(SeqAccessDeserializer::new(texts)).map(OneOrMore)
            }
        }

        deserializer.deserialize_any(Texts)
    }
}

/// A table whose keys are unique. JSON lets a key come twice and readers then disagree about which one
/// counts.
fn unique<'de, D, V>(deserializer: D) -> Result<BTreeMap<String, V>, D::Error>
where
    D: Deserializer<'de>,
    V: Deserialize<'de>,
{
    struct Unique<V>(PhantomData<V>);

    impl<'de, V: Deserialize<'de>> Visitor<'de> for Unique<V> {
        type Value = BTreeMap<String, V>;

        fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
            out.write_str("a table")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut table: A) -> Result<Self::Value, A::Error> {
            let mut unique = BTreeMap::new();
            while let Some((key, value)) = table.next_entry::<String, V>()? {
                if unique.contains_key(&key) {
                    return Err(A::Error::custom(format_args!("duplicate key {key:?}, expected it once")));
                }
                unique.insert(key, value);
            }
            Ok(unique)
        }
    }

    deserializer.deserialize_map(Unique(PhantomData))
}

/// The same of tables.
fn unique_tables<'de, D, T>(deserializer: D) -> Result<BTreeMap<String, T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    let tables: BTreeMap<String, Table<T>> = unique(deserializer)?;
    Ok(tables.into_iter().map(|(key, Table(table))| (key, table)).collect())
}
