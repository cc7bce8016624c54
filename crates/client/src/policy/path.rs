//! The path of a call: the buckets it passes.

use std::hash::{Hash, Hasher};

use super::bucket_name::BucketName;
use super::document::Mode;
use super::terms::Terms;
use crate::hashed::Folding;

/// The buckets a call passes, in the order of the policy. Without any, the call passes free of charge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Path {
    /// Of the names, worked out once: equal calls are found by it.
    hash: u64,
    buckets: Vec<Bucket>,
}

/// A limit for one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bucket {
    /// Index of the limit in the policy.
    pub(super) limit: u16,
    /// The name it is stored under.
    pub(super) name: BucketName,
    pub(super) terms: Terms,
    pub(super) mode: Mode,
}

impl Path {
    /// The path over `buckets`.
    pub(crate) fn of(buckets: Vec<Bucket>) -> Path {
        let mut hasher = Folding::default();
        for bucket in &buckets {
            bucket.name.hash(&mut hasher);
        }
        Path { hash: hasher.finish(), buckets }
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
    pub(crate) fn bucket_name(&self) -> &BucketName {
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

/// By the names of its buckets alone, as within a policy all the rest follows from them.
impl Hash for Path {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.hash);
    }
}
