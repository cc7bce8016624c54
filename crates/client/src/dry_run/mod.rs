//! What another policy would change, before it is put into force: of limits, of buckets, and for what was used lately.

mod buckets;
mod history;
mod replay;
mod what_if;

pub use buckets::{BucketChange, BucketChanges};
pub use what_if::{Unjudged, UnjudgedReason, WhatIf, WhatIfRow};

use std::sync::Arc;

use crate::engine::{PolicyRecord, Reply};
use crate::error::Error;
use crate::gate::Tollgate;
use crate::in_force::InForce;
use crate::policy::{Policy, PolicyChanges};

/// A policy that comes into force meanwhile is met again on the next try; more than a few in a row are none.
const TRIES: usize = 5;

/// What would come of a policy.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct DryRun {
    /// The version that it would be.
    pub version: u64,
    /// The tag of the policy in force, which it would follow.
    pub follows: String,
    /// Whether it says anything else than the policy in force.
    pub is_change: bool,
    /// As it would be in force: without overrides that have run out.
    pub policy: Policy,
    /// What it says otherwise than the policy in force.
    pub changes: PolicyChanges,
    /// What would become of buckets.
    pub buckets: BucketChanges,
    /// What was used in the last hour, held against it.
    pub what_if: WhatIf,
}

impl Tollgate {
    /// Tells what would change if `policy` came into force now, after the one with the tag `after` (`None`: after
    /// whichever is in force), as [`Tollgate::put_policy`] would have it. Writes nothing.
    ///
    /// # Errors
    /// Those of [`Tollgate::put_policy`].
    ///
    /// # Cancel safety
    /// It only reads.
    pub async fn dry_run(&self, policy: &Policy, after: Option<&str>) -> Result<DryRun, Error> {
        for _ in 0..TRIES {
            let (predecessor, unexpired) = self.before(policy, after).await?;
            let policy = unexpired.as_ref().unwrap_or(policy);
            let Some(in_force) = self.held_as(&predecessor)? else { continue };
            let Reply::Done(buckets) = self.bucket_changes(&in_force, policy).await? else {
                self.keeper().renew().await?;
                continue;
            };
            return Ok(DryRun {
                version: predecessor.version + 1,
                is_change: *policy != in_force.policy,
                changes: PolicyChanges::between(&in_force.policy, policy),
                buckets,
                what_if: self.what_if(&in_force, policy).await?,
                follows: predecessor.fence,
                policy: policy.clone(),
            });
        }
        Err(Error::Conflict { current: self.current().load().fence().to_owned() })
    }

    /// The same of [`Tollgate::roll_back`].
    ///
    /// # Errors
    /// Those of [`Tollgate::roll_back`].
    ///
    /// # Cancel safety
    /// It only reads.
    pub async fn dry_run_roll_back(&self, version: u64, after: Option<&str>) -> Result<DryRun, Error> {
        self.dry_run(&self.earlier(version).await?, after).await
    }

    /// A stored policy as this replica holds it, if no later one is in force by now.
    fn held_as(&self, record: &PolicyRecord) -> Result<Option<Arc<InForce>>, Error> {
        if self.current().load().fence() != record.fence {
            self.keeper().adopt(record.clone())?;
        }
        Ok(Some(self.current().load_full()).filter(|held| held.fence() == record.fence))
    }
}
