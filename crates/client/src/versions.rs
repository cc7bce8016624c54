//! The versions of a policy: which there were, what each was, and the way back to one.

use crate::admin::PolicyVersion;
use crate::change::Change;
use crate::engine::{Reply, VersionRecord, Versions};
use crate::error::Error;
use crate::gate::Tollgate;
use crate::policy::Policy;

/// As many as the store keeps.
const VERSIONS_MAX: u64 = 100;

/// The scripts count in doubles: no version is above it.
const VERSION_MAX: u64 = (1 << 53) - 1;

/// A change of the policy, without the document that it has left.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PolicyChange {
    /// The version that came of it, from 1.
    pub version: u64,
    /// Tells this version from every other one, also from another one of the same number that a failover has undone.
    pub tag: String,
    /// When it was written, in microseconds since 1970 by the store's clock.
    pub written_at_us: u64,
    /// Who wrote it.
    pub author: String,
    /// What for.
    pub reason: String,
}

impl Tollgate {
    /// The versions of the policy that the store keeps, the newest first, which is the one in force: the last hundred.
    ///
    /// # Errors
    /// [`Error::Store`], and [`Error::NoPolicy`] if the store has lost it and no call has given it back yet.
    pub async fn policy_changes(&self) -> Result<Vec<PolicyChange>, Error> {
        match self.keeper().library().versions(Versions { most: VERSIONS_MAX }).await? {
            Reply::Done(versions) => Ok(versions.into_iter().map(PolicyChange::from).collect()),
            _ => Err(Error::NoPolicy { namespace: self.namespace() }),
        }
    }

    /// A version of the policy, from 1; `None` if the store does not keep it, or there was none yet.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn policy_version(&self, version: u64) -> Result<Option<PolicyVersion>, Error> {
        if !(1..=VERSION_MAX).contains(&version) {
            return Ok(None);
        }
        let record = self.keeper().library().read(Some(version)).await?;
        Ok(record.map(PolicyVersion::from))
    }

    /// Puts what an earlier version said into force again, as a new version after the one with the tag `after` (`None`:
    /// after whichever is in force).
    ///
    /// # Errors
    /// [`Error::NoSuchVersion`] if the store does not keep it, [`Error::Policy`] if this version of Tollgate can't read
    /// it, and those of [`Tollgate::put_policy`].
    ///
    /// # Cancel safety
    /// Dropped before it is done it may be in force or not.
    pub async fn roll_back(
        &self,
        version: u64,
        after: Option<&str>,
        change: &Change,
    ) -> Result<PolicyVersion, Error> {
        self.put_policy(&self.earlier(version).await?, after, change).await
    }

    /// What an earlier version said.
    pub(crate) async fn earlier(&self, version: u64) -> Result<Policy, Error> {
        let earlier = self.policy_version(version).await?.ok_or(Error::NoSuchVersion { version })?;
        Ok(Policy::from_json(&earlier.document)?)
    }
}

impl From<VersionRecord> for PolicyChange {
    fn from(record: VersionRecord) -> Self {
        let VersionRecord { version, fence, written_at_us, author, reason } = record;
        Self { version, tag: fence, written_at_us, author, reason }
    }
}
