//! Keeps this replica's policy and the store's the same.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::engine::{Peek, PolicyRecord, Reply, WriteReply};
use crate::error::Error;
use crate::in_force::{Current, InForce};
use crate::library::Library;

/// A policy that another replica writes at the same moment is met again on the next try; more than a few in a row are none.
const TRIES: usize = 5;

/// Holds the policy in force.
#[derive(Debug)]
pub(crate) struct Keeper {
    library: Library,
    current: Current,
    /// The last epoch that was seen: where the store is lost the next one begins.
    epoch: AtomicU64,
}

impl Keeper {
    pub(crate) fn new(library: Library, current: Current) -> Self {
        Self { library, current, epoch: AtomicU64::new(0) }
    }

    pub(crate) fn library(&self) -> &Library {
        &self.library
    }

    /// The policy that this replica holds.
    pub(crate) fn held(&self) -> Arc<InForce> {
        self.current.load_full()
    }

    pub(crate) fn saw_epoch(&self, epoch: u64) {
        self.epoch.fetch_max(epoch, Ordering::Relaxed);
    }

    /// Looks whether the policy is still the same, and reads it if not.
    pub(crate) async fn check(&self) -> Result<(), Error> {
        let current = self.current.load_full();
        match self.library.peek(&Peek::default(), &current).await? {
            Reply::Done(_) => Ok(()),
            _ => self.renew().await,
        }
    }

    /// Takes over the store's policy, or gives this replica's back to a store that has lost it or has an older one.
    pub(crate) async fn renew(&self) -> Result<(), Error> {
        for _ in 0..TRIES {
            let held = self.current.load_full();
            if let Some(stored) = self.library.read(None).await?
                && stored.version >= held.record.version
                && stored.fence != held.record.fence
            {
                return self.adopt(stored);
            }
            let epoch = self.epoch.load(Ordering::Relaxed);
            match self.library.restore(&held.record, epoch).await? {
                WriteReply::Written(fence) if fence == held.record.fence => return Ok(()),
                WriteReply::Written(_) | WriteReply::Conflict(_) => {}
            }
        }
        Err(Error::Conflict { current: self.current.load().fence().to_owned() })
    }

    /// Puts a stored policy into force, unless a later one is already.
    pub(crate) fn adopt(&self, record: PolicyRecord) -> Result<(), Error> {
        let adopted = Arc::new(InForce::compile(record)?);
        self.current.rcu(|held| {
            if held.record.version > adopted.record.version { Arc::clone(held) } else { Arc::clone(&adopted) }
        });
        Ok(())
    }
}
