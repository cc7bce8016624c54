//! A limit: one checked rule of a policy.

use super::attribute::Attribute;
use super::condition::Condition;
use super::document::{LimitDocument, Mode, Override, When};
use super::hashed_name::HashedName;
use super::key::{key_bytes, push_key};
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
    pub(super) terms: Terms,
    pub(super) overrides: HashMap<Box<str>, Terms>,
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

    /// Tokens a full bucket holds, where no override says otherwise.
    #[must_use]
    pub fn burst(&self) -> u64 {
        self.terms.burst()
    }

    /// How many buckets it may have at once, 1 to 100,000,000.
    #[must_use]
    pub fn max_keys(&self) -> u64 {
        self.written.max_keys.unwrap_or(MAX_KEYS_DEFAULT)
    }

    /// The terms of every key that no override names.
    #[must_use]
    pub fn terms(&self) -> Terms {
        self.terms
    }

    /// The terms of a key, its override applied.
    #[must_use]
    pub fn terms_of(&self, key: &str) -> Terms {
        self.overrides.get(key).copied().unwrap_or(self.terms)
    }

    /// The terms, of all that its keys may have, that take longest to earn a token.
    pub(crate) fn slowest_terms(&self) -> Terms {
        self.overrides.values().copied().fold(self.terms, Terms::slower)
    }

    /// The values of a call on which it depends whether it passes this limit, and by which bucket; beside its cost, and the
    /// patterns that match its path.
    pub(super) fn looks_at(&self) -> impl Iterator<Item = Attribute> {
        self.condition.looks_at().chain(self.per.iter().cloned())
    }

    /// The bucket of a call that this limit applies to.
    ///
    /// An observed limit never stands in a call's way: a call that it could not count, for want of a value or
    /// because it costs more than the burst, passes it by.
    pub(super) fn bucket(&self, limit: u16, call: &Call) -> Result<Option<Bucket>, CallError> {
        match (self.charged(limit, call), self.mode()) {
            (Ok(bucket), _) => Ok(Some(bucket)),
            (Err(_), Mode::Observe) => Ok(None),
            (Err(error), Mode::Enforce) => Err(error),
        }
    }

    fn charged(&self, limit: u16, call: &Call) -> Result<Bucket, CallError> {
        let key_start = self.name().len() + 1;
        let mut name = String::with_capacity(key_start + key_bytes(&self.per, call));
        name.push_str(self.name());
        name.push(':');
        push_key(&mut name, &self.per, call).map_err(|missing| CallError::NotNamed {
            limit: self.name().to_owned(),
            attribute: missing.to_string(),
        })?;
        let terms = self.terms_of(&name[key_start..]);
        let burst = terms.burst();
        if u64::from(call.cost) > burst {
            return Err(CallError::CostAboveBurst { limit: self.name().to_owned(), cost: call.cost, burst });
        }
        Ok(Bucket { limit, name: HashedName::new(&name), terms, mode: self.mode() })
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
            mode: self.mode(),
            max_keys: self.max_keys(),
            overrides: &self.written.overrides,
            terms: self.terms,
        }
        .serialize(serializer)
    }
}

/// A limit as an operator sees it.
#[derive(Serialize)]
struct Shown<'a> {
    name: &'a str,
    names: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    when: Option<&'a When>,
    per: &'a [Attribute],
    #[serde(skip_serializing_if = "Option::is_none")]
    rate: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    quota: Option<&'a str>,
    burst: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    slack: Option<&'a str>,
    mode: Mode,
    max_keys: u64,
    #[serde(rename = "override", skip_serializing_if = "BTreeMap::is_empty")]
    overrides: &'a BTreeMap<String, Override>,
    terms: Terms,
}
