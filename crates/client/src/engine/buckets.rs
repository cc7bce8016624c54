//! The buckets of a batch, each once, with their terms and limits.

use super::batch::{BUCKET, COUNTER};
use super::flat::Writer;
use super::numbered::{Numbered, number};
use crate::hashed::QuickMap;
use crate::policy::{Bucket, HashedName, Measure, Mode, Path, Policy, Terms};

/// Buckets, terms and limits in the order in which they were first named, counted from 1 as Lua does.
#[derive(Clone, Debug, Default)]
pub(super) struct BucketTable {
    buckets: Vec<Bucket>,
    /// For each bucket the index of its terms.
    terms_of: Vec<u32>,
    index: QuickMap<HashedName, u32>,
    terms: Numbered<(u32, Mode, Terms)>,
    /// Where the limits stand in the policy, and what of them is counted.
    limits: Numbered<(u16, Measure)>,
}

impl BucketTable {
    pub(super) fn buckets(&self) -> &[Bucket] {
        &self.buckets
    }

    /// The indexes of a path's buckets.
    pub(super) fn path(&mut self, path: &Path) -> Box<[u32]> {
        path.buckets().iter().map(|bucket| self.index_of(bucket)).collect()
    }

    pub(super) fn index_of(&mut self, bucket: &Bucket) -> u32 {
        if let Some(&index) = self.index.get(bucket.bucket_name()) {
            return index;
        }
        let limit = self.limits.number_of((bucket.limit(), bucket.measure()));
        self.terms_of.push(self.terms.number_of((limit, bucket.mode(), bucket.terms())));
        self.buckets.push(bucket.clone());
        let index = number(self.buckets.len());
        self.index.insert(bucket.bucket_name().clone(), index);
        index
    }

    /// Writes them as `bind_buckets` of `bucket.lua` reads them. `policy` is the one that the buckets are of.
    pub(super) fn write(&self, args: &mut Writer, policy: &Policy) {
        args.count(self.limits.values().len());
        for &(limit, measure) in self.limits.values() {
            let limit = &policy.limits()[usize::from(limit)];
            args.joined(COUNTER, &limit.counted_as(measure));
            args.integer(limit.max_keys());
        }
        args.count(self.terms.values().len());
        for (limit, mode, terms) in self.terms.values() {
            args.integer(terms.refill());
            args.integer(terms.credit());
            args.integer(terms.capacity());
            args.flag(*mode == Mode::Enforce);
            args.integer(*limit);
            args.integer(terms.lease_us());
        }
        args.count(self.buckets.len());
        for (bucket, &terms) in self.buckets.iter().zip(&self.terms_of) {
            args.joined(BUCKET, bucket.name());
            args.integer(terms);
        }
    }
}
