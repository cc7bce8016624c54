//! A limit: one checked rule of a policy.

use super::attribute::Attribute;
use super::condition::Condition;
use super::cost;
use super::document::{Cost, LimitDocument, Mode, Override, When};
use super::hashed_name::HashedName;
use super::key::{key_bytes, push_key, value_of};
use super::measure::{LEASE, Measure, Measures};
use super::path::Bucket;
use super::terms::Terms;
use crate::call::{Call, CallError};
use serde::{Serialize, Serializer};
use std::collections::{BTreeMap, HashMap};

/// How many buckets a limit may have at once, unless it says otherwise.
const MAX_KEYS_DEFAULT: u64 = 1_000_000;

/// One rule of a policy: which calls it applies to, what it is counted per, and how much it lets pass.
///
/// It serializes to what an operator wants to see: its fields as they are written, with the defaults filled
/// in, and the [`Terms`] they come to.
#[derive(Clone, Debug)]
pub struct Limit {
    pub(super) written: LimitDocument,
    pub(super) per: Vec<Attribute>,
    pub(super) condition: Condition,
    pub(super) measures: Measures,
    pub(super) overrides: HashMap<Box<str>, Measures>,
}

impl Limit {
    /// The name, unique within its policy.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.written.name
    }

    /// The provider's own names of this limit, by which its answers are told to mean it.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.written.names
    }

    /// Whether it has a `when`, and so may not apply to every call.
    #[must_use]
    pub fn has_condition(&self) -> bool {
        self.written.when.is_some()
    }

    /// What it is counted per, in the order in which keys are put together.
    #[must_use]
    pub fn per(&self) -> &[Attribute] {
        &self.per
    }

    /// Whether it refuses calls or only counts them.
    #[must_use]
    pub fn mode(&self) -> Mode {
        self.written.mode.unwrap_or_default()
    }

    /// The rate as it is written, such as `"10/s"`, unless it has a quota.
    #[must_use]
    pub fn rate(&self) -> Option<&str> {
        self.written.rate.as_deref()
    }

    /// The quota as it is written, such as `"300/1m"`, unless it has a rate.
    #[must_use]
    pub fn quota(&self) -> Option<&str> {
        self.written.quota.as_deref()
    }

    /// The slack of the quota as it is written, such as `"500ms"`.
    #[must_use]
    pub fn slack(&self) -> Option<&str> {
        self.written.slack.as_deref()
    }

    /// Tokens a full bucket holds, where no override says otherwise, if the limit has a rate or a quota.
    #[must_use]
    pub fn burst(&self) -> Option<u64> {
        self.terms(Measure::Tokens).map(Terms::burst)
    }

    /// How many calls may be in flight at once, where no override says otherwise and the limit counts them.
    #[must_use]
    pub fn concurrent(&self) -> Option<u64> {
        self.written.concurrent
    }

    /// The smallest gap between two grants as it is written, such as `"200ms"`.
    #[must_use]
    pub fn spacing(&self) -> Option<&str> {
        self.written.spacing.as_deref()
    }

    /// Whether nobody has written it: it was taken up when the provider named it.
    #[must_use]
    pub fn is_learned(&self) -> bool {
        self.written.learned
    }

    /// How many buckets it may have at once, 1 to 100,000,000.
    #[must_use]
    pub fn max_keys(&self) -> u64 {
        self.written.max_keys.unwrap_or(MAX_KEYS_DEFAULT)
    }

    /// The terms of one measure, for every key that no override names, if the limit has that measure.
    #[must_use]
    pub fn terms(&self, measure: Measure) -> Option<Terms> {
        self.measures.get(measure)
    }

    /// The terms of one measure for a key, its override applied, if the limit has that measure for it.
    #[must_use]
    pub fn terms_of(&self, measure: Measure, key: &str) -> Option<Terms> {
        self.measures_of(key).get(measure)
    }

    fn measures_of(&self, key: &str) -> &Measures {
        self.overrides.get(key).unwrap_or(&self.measures)
    }

    /// What any key of it counts, and of each measure terms at which no bucket of it owes anything for longer.
    pub(crate) fn outlasting_terms(&self) -> impl Iterator<Item = (Measure, Terms)> {
        Measure::ALL.into_iter().filter_map(|measure| {
            let all = std::iter::once(&self.measures).chain(self.overrides.values());
            let outlasting = all.filter_map(|measures| measures.get(measure)).reduce(Terms::outlasting);
            Some((measure, outlasting?))
        })
    }

    /// Whether calls of an organisation can pass its bucket for a key: that is the organisation's own, or none counts
    /// per organisation.
    pub(crate) fn is_passed_by(&self, org: &str, key: &str) -> bool {
        value_of(&Attribute::Org, &self.per, key).is_none_or(|own| own == org)
    }

    /// The keys whose overrides end, and when, in microseconds since 1970.
    pub(crate) fn ending_overrides(&self) -> impl Iterator<Item = (&str, u64)> {
        let overrides = self.written.overrides.iter();
        overrides.filter_map(|(key, own)| Some((key.as_str(), own.expires_at_us()?)))
    }

    /// The keys that have something else than what it says.
    pub(crate) fn overridden_keys(&self) -> impl Iterator<Item = &str> {
        self.overrides.keys().map(|key| &**key)
    }

    /// Whether both count the same calls, per the same values, at the same costs.
    pub(crate) fn counts_as(&self, other: &Limit) -> bool {
        let (own, other) = (&self.written, &other.written);
        own.per == other.per && own.when == other.when && own.cost == other.cost
    }

    /// What its buckets have in front of their keys where they count this.
    pub(crate) fn counted_as(&self, measure: Measure) -> String {
        format!("{}{}", self.name(), measure.suffix())
    }

    /// Whether its tokens are counted by a cost of its own.
    pub(super) fn reads_costs(&self) -> bool {
        self.written.cost.is_some()
    }

    /// What a call costs it, in tokens.
    pub(super) fn cost_of(&self, call: &Call) -> u64 {
        self.written.cost.as_ref().map_or(u64::from(call.cost), |cost| cost::of(cost, call))
    }

    /// The values of a call on which it depends whether it passes this limit, and by which bucket; beside its cost, and
    /// the patterns that match its path.
    pub(super) fn looks_at(&self) -> impl Iterator<Item = Attribute> {
        self.condition.looks_at().chain(self.per.iter().cloned())
    }

    /// The buckets of a call that this limit applies to, and what each is charged.
    ///
    /// An observed limit never stands in a call's way, nor does one that nobody has written: a call that it could not
    /// count, for want of a value or because it costs more than the burst, passes it by.
    pub(super) fn charges(&self, limit: u16, call: &Call) -> Result<Vec<(Bucket, u32)>, CallError> {
        match (self.all_charges(limit, call), self.mode()) {
            (Err(_), Mode::Observe) => Ok(Vec::new()),
            (Err(_), Mode::Enforce) if self.is_learned() => Ok(Vec::new()),
            (charges, _) => charges,
        }
    }

    fn all_charges(&self, limit: u16, call: &Call) -> Result<Vec<(Bucket, u32)>, CallError> {
        let mut key = String::with_capacity(key_bytes(&self.per, call));
        push_key(&mut key, &self.per, call).map_err(|missing| CallError::NotNamed {
            limit: self.name().to_owned(),
            attribute: missing.to_string(),
        })?;
        let charge = |(measure, terms): (Measure, Terms)| {
            let cost = if measure == Measure::Tokens { self.cost_of(call) } else { 1 };
            let burst = terms.burst().min(u64::from(u32::MAX));
            if cost > burst {
                return Err(CallError::CostAboveBurst { limit: self.name().to_owned(), cost, burst });
            }
            let cost = u32::try_from(cost).unwrap_or(u32::MAX);
            Ok((self.bucket(limit, measure, &key, terms), cost))
        };
        self.measures_of(&key).iter().map(charge).collect()
    }

    /// The bucket that counts `measure` for a key, if the limit has that measure for it.
    pub(super) fn bucket_of(&self, limit: u16, measure: Measure, key: &str) -> Option<Bucket> {
        let terms = self.terms_of(measure, key)?;
        Some(self.bucket(limit, measure, key, terms))
    }

    /// The buckets that count what the limit does not count for a key, but may come to with another policy.
    pub(super) fn uncounted_of(&self, limit: u16, key: &str) -> impl Iterator<Item = Bucket> {
        let measures = Measure::ALL.into_iter().filter(move |&measure| self.terms_of(measure, key).is_none());
        measures.map(move |measure| self.bucket(limit, measure, key, Terms::uncounted(measure)))
    }

    fn bucket(&self, limit: u16, measure: Measure, key: &str, terms: Terms) -> Bucket {
        let name = [self.name(), measure.suffix(), ":", key].concat();
        let weighted = measure == Measure::Tokens && self.reads_costs();
        Bucket { limit, measure, weighted, name: HashedName::new(&name), terms, mode: self.mode() }
    }
}

impl Serialize for Limit {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Shown {
            name: self.name(),
            names: self.names(),
            when: self.written.when.as_ref(),
            per: &self.per,
            rate: self.rate(),
            quota: self.quota(),
            burst: self.burst(),
            slack: self.slack(),
            concurrent: self.concurrent(),
            lease: self.terms(Measure::InFlight).and(self.written.lease.as_deref().or(Some(LEASE))),
            spacing: self.spacing(),
            cost: self.written.cost.as_ref(),
            mode: self.mode(),
            max_keys: self.max_keys(),
            learned: self.is_learned(),
            overrides: &self.written.overrides,
            terms: self.terms(Measure::Tokens),
        }
        .serialize(serializer)
    }
}

/// A limit as an operator sees it.
#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(super) struct Shown<'a> {
    name: &'a str,
    /// The provider's own names of it.
    names: &'a [String],
    /// The calls it applies to; without it all.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    when: Option<&'a When>,
    /// What it is counted per, in the order in which keys are put together.
    #[cfg_attr(feature = "openapi", schema(value_type = [String]))]
    per: &'a [Attribute],
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    rate: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    quota: Option<&'a str>,
    /// With a rate or a quota.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    burst: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    slack: Option<&'a str>,
    /// Calls that may be in flight at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    concurrent: Option<u64>,
    /// With `concurrent`: how long a call counts as in flight unless that is renewed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    lease: Option<&'a str>,
    /// The smallest gap between two grants.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    spacing: Option<&'a str>,
    /// How it reads off a call what that costs.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    cost: Option<&'a Cost>,
    mode: Mode,
    /// Most buckets of each measure.
    max_keys: u64,
    /// It was added because the provider named it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    learned: bool,
    /// By key, what the limit has instead.
    #[serde(rename = "override", skip_serializing_if = "BTreeMap::is_empty")]
    overrides: &'a BTreeMap<String, Override>,
    /// What its rate or quota comes to.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    terms: Option<Terms>,
}
