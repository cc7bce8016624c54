//! The path of a call: the buckets it passes.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use super::document::Mode;
use super::hashed_name::HashedName;
use super::terms::Terms;
use crate::hashed::Folding;

/// The buckets a call passes, in the order of the policy. Without any, the call passes free of charge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Path {
    /// Of the names, worked out once: equal calls are found by it.
    hash: u64,
    buckets: Vec<Bucket>,
    flow: HashedName,
    /// The weight of the flow at each bucket.
    weights: Arc<[u32]>,
}

/// A limit for one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bucket {
    /// Index of the limit in the policy.
    pub(super) limit: u16,
    /// The name it is stored under.
    pub(super) name: HashedName,
    pub(super) terms: Terms,
    pub(super) mode: Mode,
}

impl Path {
    /// The path over `buckets`, with the weight that `flow` has at each.
    pub(super) fn new(flow: HashedName, buckets: Vec<Bucket>, weights: Arc<[u32]>) -> Path {
        let mut hasher = Folding::default();
        flow.hash(&mut hasher);
        for bucket in &buckets {
            bucket.name.hash(&mut hasher);
        }
        Path { hash: hasher.finish(), buckets, flow, weights }
    }

    /// The path over `buckets` of nobody in particular.
    pub(crate) fn of(buckets: Vec<Bucket>) -> Path {
        let weights = vec![1; buckets.len()].into();
        Path::new(HashedName::new(""), buckets, weights)
    }

    /// Whose turn a call on this path takes, an organisation's at a priority.
    #[must_use]
    pub fn flow(&self) -> &str {
        self.flow.as_str()
    }

    pub(crate) fn flow_name(&self) -> HashedName {
        self.flow.clone()
    }

    /// The weight of the flow at each of the buckets.
    #[must_use]
    pub fn weights(&self) -> Arc<[u32]> {
        Arc::clone(&self.weights)
    }

    /// The buckets, in the order of the policy.
    #[must_use]
    pub fn buckets(&self) -> &[Bucket] {
        &self.buckets
    }
}

impl Bucket {
    /// Where its limit stands in the policy.
    #[must_use]
    pub fn limit(&self) -> u16 {
        self.limit
    }

    /// The name it is stored under, `limit:key`.
    #[must_use]
    pub fn name(&self) -> &str {
        self.name.as_str()
    }

    /// The same, with its hash.
    pub(crate) fn bucket_name(&self) -> &HashedName {
        &self.name
    }

    /// The name of its limit.
    #[must_use]
    pub fn limit_name(&self) -> &str {
        self.name().split_once(':').map_or(self.name(), |(limit, _)| limit)
    }

    /// The key, which is what stands behind the first colon: names of limits have none.
    #[must_use]
    pub fn key(&self) -> &str {
        self.name().split_once(':').map_or("", |(_, key)| key)
    }

    /// What it earns, costs and holds.
    #[must_use]
    pub fn terms(&self) -> Terms {
        self.terms
    }

    /// Whether it refuses calls or only counts them.
    #[must_use]
    pub fn mode(&self) -> Mode {
        self.mode
    }

    pub(crate) fn is_enforced(&self) -> bool {
        self.mode == Mode::Enforce
    }
}

/// By its flow and the names of its buckets alone, as within a policy all the rest follows from them.
impl Hash for Path {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.hash);
    }
}
