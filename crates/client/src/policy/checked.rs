//! The policy: all limits of a namespace, checked and compiled.

use super::attribute::Attribute;
use super::document::{Document, LimitDocument};
use super::error::PolicyError;
use super::key::check_key;
use super::limit::Limit;
use super::measure::Measure;
use super::path::{Bucket, Passed, Path};
use super::pattern::{LimitSet, Patterns};
use super::recorded::RecordedOrgs;
use super::weights::{Weights, flow};
use super::{compile, read};
use crate::call::{Call, CallError, fingerprint};
use crate::provider::{Adapter, AdapterDocument};
use std::sync::Arc;

/// All limits of a namespace, checked and compiled; immutable, and shared by [`Arc`](std::sync::Arc).
///
/// Two policies are equal if their documents are. The fields of the document are described at the
/// [module](crate::policy).
///
/// # Examples
///
/// ```
/// use tollgate::Policy;
///
/// let policy = Policy::from_toml(
///     r#"
///     namespace = "genesys"
///
///     [[limit]]
///     name  = "token"
///     per   = ["client"]
///     quota = "300/1m"
///     "#,
/// )?;
/// assert_eq!(policy.limits()[0].burst(), Some(30));
///
/// let error = Policy::from_toml(
///     r#"
///     namespace = "genesys"
///     limit = [{ name = "token", per = ["client"], quota = "300" }]
///     "#,
/// );
/// assert_eq!(error.unwrap_err().problems()[0].field, "limit[0].quota");
/// # Ok::<(), tollgate::PolicyError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Policy {
    pub(super) namespace: String,
    pub(super) provider: Option<String>,
    /// As it is written in the document; boxed, it is large and rare.
    pub(super) described: Option<Box<AdapterDocument>>,
    pub(super) adapter: Arc<Adapter>,
    pub(super) limits: Vec<Limit>,
    pub(super) weights: Weights,
    pub(super) recorded: Arc<RecordedOrgs>,
    pub(super) patterns: Patterns,
}

impl Policy {
    /// Reads a TOML document.
    ///
    /// # Errors
    ///
    /// [`PolicyError`] names the fields that are wrong and what would be right.
    pub fn from_toml(text: &str) -> Result<Policy, PolicyError> {
        compile::policy(read::toml(text)?)
    }

    /// Reads a JSON document; it has the same fields.
    ///
    /// # Errors
    ///
    /// [`PolicyError`] names the fields that are wrong and what would be right.
    pub fn from_json(text: &str) -> Result<Policy, PolicyError> {
        compile::policy(read::json(text)?)
    }

    /// The namespace: one account at a provider, and one hash slot in Redis.
    #[must_use]
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// The provider whose answers are understood, where one is named. [`adapter`](Policy::adapter) understands them.
    #[must_use]
    pub fn provider(&self) -> Option<&str> {
        self.provider.as_deref()
    }

    /// How the provider's answers are understood: by the adapter that the document describes, or the built-in one that
    /// it names, or `generic`.
    #[must_use]
    pub fn adapter(&self) -> &Arc<Adapter> {
        &self.adapter
    }

    /// The limits, in the order of the document.
    #[must_use]
    pub fn limits(&self) -> &[Limit] {
        &self.limits
    }

    /// The organisations whose granted calls the audit trail tells one by one.
    #[must_use]
    pub fn record_calls(&self) -> Vec<String> {
        self.recorded.written()
    }

    /// The limit of this name, if there is one.
    pub(crate) fn limit(&self, name: &str) -> Option<&Limit> {
        self.limits.iter().find(|limit| limit.name() == name)
    }

    /// The canonical document: what was written, without defaults, in an order that never varies.
    ///
    /// Reading it gives an equal policy. It is the same for TOML and JSON.
    #[must_use]
    pub fn to_json(&self) -> String {
        // A document is texts, numbers and tables with text keys, none of which can fail to be written.
        serde_json::to_string(&self.document()).unwrap_or_default()
    }

    /// The first 16 hex digits of the SHA-256 of [`to_json`](Policy::to_json): equal for equal policies.
    #[must_use]
    pub fn digest(&self) -> String {
        fingerprint(&self.to_json())
    }

    /// The buckets that a call passes, in the order of the policy.
    ///
    /// # Errors
    ///
    /// [`CallError`] says what is wrong with the call.
    pub fn path(&self, call: &Call) -> Result<Path, CallError> {
        call.fault()?;
        Ok(self.path_where(call, self.patterns.matching(call.path()))?.told(self.recorded.record_of(call)))
    }

    /// The buckets that a faultless call passes, given the limits of which a pattern matches its path. What is told of
    /// the call is left out.
    pub(super) fn path_where(&self, call: &Call, by_path: LimitSet) -> Result<Path, CallError> {
        let mut passed = Vec::with_capacity(self.limits.len());
        for (index, limit) in (0_u16..).zip(&self.limits) {
            if !limit.condition.holds(call, by_path.contains(index)) {
                continue;
            }
            let weight = self.weights.of(limit.name(), call);
            let charges = limit.charges(index, call)?.into_iter();
            passed.extend(charges.map(|(bucket, cost)| Passed { bucket, cost, weight }));
        }
        Ok(Path::new(flow(call), call.cost, passed))
    }

    /// A bucket by the parts of its name, `limit` or `limit/measure` and the key, if there is such a limit, it counts
    /// that, and a call could have that key.
    pub(crate) fn bucket(&self, counted_as: &str, key: &str) -> Option<Bucket> {
        let (name, measure) = Measure::split(counted_as);
        let (index, limit) = (0_u16..).zip(&self.limits).find(|(_, known)| known.name() == name)?;
        check_key(&limit.per, key).ok()?;
        limit.bucket_of(index, measure, key)
    }

    /// The first limit that counts tokens per one thing alone, if need be one that does not apply to every call: by it
    /// is told who has used what.
    #[must_use]
    pub fn counting_per(&self, attribute: &Attribute) -> Option<&Limit> {
        let fits = |limit: &&Limit| limit.per() == std::slice::from_ref(attribute) && limit.burst().is_some();
        self.limits.iter().filter(fits).min_by_key(|limit| limit.has_condition())
    }

    /// All buckets of a limit for a key, if there is such a limit and a call could have that key.
    pub(crate) fn buckets_of(&self, limit: &str, key: &str) -> Vec<Bucket> {
        let counted = self.limits.iter().filter(|known| known.name() == limit);
        let measures = counted.flat_map(|limit| Measure::ALL.map(|measure| limit.counted_as(measure)));
        measures.filter_map(|counted_as| self.bucket(&counted_as, key)).collect()
    }

    /// The buckets of all that a limit may ever count for a key, what it counts now first; none if there is no such
    /// limit, or no call could have that key.
    #[must_use]
    pub fn all_buckets_of(&self, limit: &str, key: &str) -> Vec<Bucket> {
        let mut buckets = self.buckets_of(limit, key);
        if let Some(first) = buckets.first() {
            let index = first.limit();
            buckets.extend(self.limits[usize::from(index)].uncounted_of(index, key));
        }
        buckets
    }

    fn document(&self) -> Document<&LimitDocument> {
        Document { limit: self.limits.iter().map(|limit| &limit.written).collect(), ..self.head() }
    }

    /// The document without its limits.
    pub(super) fn head<L>(&self) -> Document<L> {
        Document {
            namespace: self.namespace.clone(),
            provider: self.provider.clone(),
            adapter: self.described.clone(),
            priority: self.weights.written(),
            record_calls: self.recorded.written(),
            limit: Vec::new(),
        }
    }
}

impl PartialEq for Policy {
    fn eq(&self, other: &Policy) -> bool {
        self.document() == other.document()
    }
}

impl Eq for Policy {}
