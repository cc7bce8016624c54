//! The policy in force, as this replica holds it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwap;

use crate::call::{Call, CallError};
use crate::engine::PolicyRecord;
use crate::metrics::{Meters, PolicyMeters};
use crate::policy::{KnownPaths, Path, Policy, PolicyError};

/// A policy with the mark by which the store knows it.
#[derive(Debug)]
pub(crate) struct InForce {
    pub(crate) policy: Policy,
    pub(crate) record: PolicyRecord,
    generation: u64,
    /// Gone with it: no path is looked up under a policy that it was not found by.
    known_paths: KnownPaths,
    /// What is counted at its limits.
    meters: Arc<PolicyMeters>,
}

/// The policy in force, read by every call and replaced whenever the store has another.
pub(crate) type Current = Arc<ArcSwap<InForce>>;

impl InForce {
    /// Compiles a stored policy, whose limits are counted with `meters`.
    pub(crate) fn compile(record: PolicyRecord, meters: &Arc<Meters>) -> Result<Self, PolicyError> {
        static GENERATIONS: AtomicU64 = AtomicU64::new(1);
        let policy = Policy::from_json(&record.document)?;
        let known_paths = KnownPaths::of(&policy);
        let meters = Arc::new(PolicyMeters::of(meters, &policy));
        let generation = GENERATIONS.fetch_add(1, Ordering::Relaxed);
        Ok(Self { policy, record, generation, known_paths, meters })
    }

    /// The buckets that a call passes.
    pub(crate) fn path(&self, call: &Call) -> Result<Arc<Path>, CallError> {
        self.known_paths.path(&self.policy, call)
    }

    /// What is counted at its limits.
    pub(crate) fn meters(&self) -> &Arc<PolicyMeters> {
        &self.meters
    }

    /// Tells apart what this process has compiled.
    pub(crate) fn generation(&self) -> u64 {
        self.generation
    }

    pub(crate) fn fence(&self) -> &str {
        &self.record.fence
    }
}

/// The mark of a policy: its version for the order, its digest to tell apart two that a failover gave the same version.
pub(crate) fn fence(version: u64, policy: &Policy) -> String {
    format!("{version}-{}", policy.digest())
}
