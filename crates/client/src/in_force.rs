//! The policy in force, as this replica holds it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwap;

use crate::call::{Call, CallError};
use crate::engine::PolicyRecord;
use crate::policy::{KnownPaths, Path, Policy, PolicyError};

/// A policy with the mark by which the store knows it.
#[derive(Debug)]
pub(crate) struct InForce {
    pub(crate) policy: Policy,
    pub(crate) record: PolicyRecord,
    generation: u64,
    /// Gone with it: no path is looked up under a policy that it was not found by.
    known_paths: KnownPaths,
}

/// The policy in force, read by every call and replaced whenever the store has another.
pub(crate) type Current = Arc<ArcSwap<InForce>>;

impl InForce {
    /// Compiles a stored policy.
    pub(crate) fn compile(record: PolicyRecord) -> Result<Self, PolicyError> {
        static GENERATIONS: AtomicU64 = AtomicU64::new(1);
        let policy = Policy::from_json(&record.document)?;
        let known_paths = KnownPaths::of(&policy);
        Ok(Self { policy, record, generation: GENERATIONS.fetch_add(1, Ordering::Relaxed), known_paths })
    }

    /// The buckets that a call passes.
    pub(crate) fn path(&self, call: &Call) -> Result<Arc<Path>, CallError> {
        self.known_paths.path(&self.policy, call)
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
