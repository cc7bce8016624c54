//! The path of a call: the buckets it passes.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use super::document::Mode;
use super::hashed_name::HashedName;
use super::measure::Measure;
use super::recorded::CallRecord;
use super::terms::Terms;
use crate::hashed::Folding;

/// The buckets a call passes, in the order of the policy, and what it costs at each. Without any, it passes free of
/// charge.
#[derive(Debug, Clone)]
pub struct Path {
    /// Of the names and costs, worked out once: equal calls are found by it.
    hash: u64,
    /// Tokens that the call costs by its own account.
    cost: u32,
    buckets: Vec<Bucket>,
    /// Tokens that each bucket is charged.
    costs: Arc<[u32]>,
    flow: HashedName,
    /// The weight of the flow at each bucket.
    weights: Arc<[u32]>,
    /// What is told of the call once it is granted, where that is wanted.
    record: Option<Arc<CallRecord>>,
}

/// A bucket that a call passes.
#[derive(Debug)]
pub(super) struct Passed {
    pub(super) bucket: Bucket,
    /// Tokens that it is charged.
    pub(super) cost: u32,
    /// Of the call's flow.
    pub(super) weight: u32,
}

/// What a limit counts for one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bucket {
    /// Index of the limit in the policy.
    pub(super) limit: u16,
    pub(super) measure: Measure,
    /// The limit reads its costs off calls.
    pub(super) weighted: bool,
    /// The name it is stored under.
    pub(super) name: HashedName,
    pub(super) terms: Terms,
    pub(super) mode: Mode,
}

impl Path {
    /// The path of a call that costs `cost`, over buckets at each of which it costs so much and `flow` has so much
    /// weight.
    pub(super) fn new(flow: HashedName, cost: u32, passed: Vec<Passed>) -> Path {
        let costs = passed.iter().map(|passed| passed.cost).collect();
        let weights = passed.iter().map(|passed| passed.weight).collect();
        let buckets = passed.into_iter().map(|passed| passed.bucket).collect();
        Path { hash: 0, cost, buckets, costs, flow, weights, record: None }.hashed()
    }

    /// The path over `buckets`, with what each was charged, of nobody in particular.
    pub(crate) fn of(cost: u32, charged: Vec<(Bucket, u32)>) -> Path {
        let passed = charged.into_iter().map(|(bucket, cost)| Passed { bucket, cost, weight: 1 });
        Path::new(HashedName::new(""), cost, passed.collect())
    }

    /// The same path of a call that is told, or not.
    pub(super) fn told(self, record: Option<Arc<CallRecord>>) -> Path {
        Path { record, ..self }
    }

    /// The same path of a call under a name of the caller's own, which is told with it.
    pub(crate) fn under(self: Arc<Path>, request_id: Option<&str>) -> Arc<Path> {
        let (Some(record), Some(request_id)) = (&self.record, request_id) else { return self };
        let record = Some(Arc::new(record.under(request_id)));
        Arc::new(Path { record, ..(*self).clone() })
    }

    /// What is told of the call once it is granted.
    pub(crate) fn record(&self) -> Option<&Arc<CallRecord>> {
        self.record.as_ref()
    }

    /// The same path at other costs, one for each bucket.
    ///
    /// For tests and simulations: that a call costs as much everywhere is so in every policy.
    #[must_use]
    pub fn at_costs(self, costs: &[u32]) -> Path {
        debug_assert_eq!(costs.len(), self.buckets.len());
        Path { costs: costs.into(), ..self }.hashed()
    }

    fn hashed(self) -> Path {
        let mut hasher = Folding::default();
        self.flow.hash(&mut hasher);
        self.cost.hash(&mut hasher);
        for (bucket, cost) in self.buckets.iter().zip(&*self.costs) {
            bucket.name.hash(&mut hasher);
            cost.hash(&mut hasher);
        }
        Path { hash: hasher.finish(), ..self }
    }

    /// Tokens that the call costs by its own account.
    #[must_use]
    pub fn cost(&self) -> u32 {
        self.cost
    }

    /// Tokens that it costs at each of the buckets, at least 1.
    #[must_use]
    pub fn costs(&self) -> Arc<[u32]> {
        Arc::clone(&self.costs)
    }

    /// The buckets, each with what the call costs there.
    pub fn charges(&self) -> impl Iterator<Item = (&Bucket, u32)> {
        self.buckets.iter().zip(self.costs.iter().copied())
    }

    /// The buckets, each with what it is given back (negative: charged in addition) once the call turns out to have
    /// cost `cost` tokens; with 0 it was not sent. Where a limit on the path reads its costs off calls, the others
    /// count calls, of which there was one.
    pub(crate) fn corrections(&self, cost: u32) -> impl Iterator<Item = (&Bucket, i64)> {
        let is_weighted = self.buckets.iter().any(|bucket| bucket.weighted);
        self.charges().map(move |(bucket, charged)| {
            let given_back = match bucket.measure {
                // Whatever it cost, a call that is over is no longer in flight.
                Measure::InFlight => 0,
                Measure::Tokens if bucket.weighted || !is_weighted => i64::from(charged) - i64::from(cost),
                _ if cost == 0 => i64::from(charged),
                _ => 0,
            };
            (bucket, given_back)
        })
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
        Measure::split(self.counted_as()).0
    }

    /// What its limit counts in it.
    #[must_use]
    pub fn measure(&self) -> Measure {
        self.measure
    }

    /// The name of its limit and what is counted: what its name has in front of the key.
    #[must_use]
    pub fn counted_as(&self) -> &str {
        self.name().split_once(':').map_or(self.name(), |(counted, _)| counted)
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

/// Calls on equal paths are charged and wait alike. What is told of them may differ.
impl PartialEq for Path {
    fn eq(&self, other: &Path) -> bool {
        let Path { hash, cost, buckets, costs, flow, weights, record: _ } = self;
        (hash, cost, flow) == (&other.hash, &other.cost, &other.flow)
            && (buckets, costs, weights) == (&other.buckets, &other.costs, &other.weights)
    }
}

impl Eq for Path {}

/// By its flow, its costs and the names of its buckets alone, as within a policy all the rest follows from them.
impl Hash for Path {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.hash);
    }
}
