//! Since when limits have counted what they count now.

use std::collections::{BTreeMap, BTreeSet};

use crate::error::Error;
use crate::gate::Tollgate;
use crate::in_force::InForce;
use crate::policy::Policy;
use crate::versions::PolicyChange;

const MINUTE_US: u64 = 60_000_000;

/// Versions that are looked at, at most: what was counted before them is left out.
const VERSIONS_MOST: usize = 20;

impl Tollgate {
    /// The first minute, not before `first`, since which each of these limits of the policy in force has counted the
    /// same calls per the same values. A minute in which that was changed is none.
    pub(super) async fn counted_since(
        &self,
        in_force: &InForce,
        limits: BTreeSet<String>,
        first: u64,
    ) -> Result<BTreeMap<String, u64>, Error> {
        let (mut since, mut alike) = (BTreeMap::new(), limits);
        let versions = self.policy_changes().await?;
        // From the newest back, each in force from a time on until the one that was looked at before it.
        let mut ruled_us = u64::MAX;
        for version in versions.iter().take(VERSIONS_MOST) {
            if ruled_us <= first * MINUTE_US || alike.is_empty() {
                break;
            }
            let read = self.version_for(in_force, version).await?;
            let others =
                alike.iter().filter(|name| !read.as_ref().is_some_and(|read| is_alike(in_force, read, name)));
            for name in others.cloned().collect::<Vec<_>>() {
                alike.remove(&name);
                since.insert(name, ruled_us.div_ceil(MINUTE_US));
            }
            // Before the first there was nothing to be counted.
            ruled_us = if version.version == 1 { 0 } else { version.written_at_us };
        }
        let earliest = ruled_us.div_ceil(MINUTE_US).max(first);
        since.extend(alike.into_iter().map(|name| (name, earliest)));
        Ok(since)
    }

    /// What a version said, `None` if this version of Tollgate can't tell.
    async fn version_for(&self, in_force: &InForce, version: &PolicyChange) -> Result<Option<Policy>, Error> {
        if version.tag == in_force.fence() {
            return Ok(Some(in_force.policy.clone()));
        }
        match self.earlier(version.version).await {
            Ok(policy) => Ok(Some(policy)),
            Err(Error::NoSuchVersion { .. } | Error::Policy(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

fn is_alike(in_force: &InForce, other: &Policy, name: &str) -> bool {
    let limits = (in_force.policy.limit(name), other.limit(name));
    matches!(limits, (Some(now), Some(other)) if now.counts_as(other))
}
