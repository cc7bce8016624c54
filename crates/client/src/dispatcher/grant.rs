//! A grant on its way to its caller.

use std::sync::Arc;

use super::request::{Outbox, SettleReply, SettleRequest};
use crate::error::Error;
use crate::policy::{Bucket, Path};

/// What was charged for each of the calls that were granted together.
#[derive(Debug)]
pub(crate) struct Charge {
    pub(crate) path: Arc<Path>,
    /// Which policy the path is of.
    pub(crate) generation: u64,
    /// For each bucket of the path: credits not yet earned back, after the charge.
    pub(crate) debts: Arc<[u64]>,
    /// Tokens that the call costs by its own account; what each bucket was charged stands in the path.
    pub(crate) cost: u32,
    pub(crate) epoch: u64,
    pub(crate) granted_at_us: u64,
    /// The name under which it is charged once and settled once.
    pub(crate) name: Option<Box<str>>,
    /// Where corrections go.
    pub(crate) outbox: Outbox,
}

/// The right to send one call. Dropped before anybody took it - the caller's future was dropped - it is given back.
#[derive(Debug)]
pub(crate) struct Grant {
    charge: Arc<Charge>,
    /// An observed limit would have refused the call.
    over: bool,
    taken: bool,
}

impl Grant {
    pub(crate) fn new(charge: Arc<Charge>, over: bool) -> Self {
        Self { charge, over, taken: false }
    }

    /// The caller has it: from here on it is kept unless the caller gives it back.
    pub(crate) fn take(mut self) -> Self {
        self.taken = true;
        self
    }

    pub(crate) fn charge(&self) -> &Charge {
        &self.charge
    }

    /// The buckets that were charged, and what each was: an observed one that had no room may not be among them, and is taken
    /// not to be.
    pub(crate) fn charged(&self) -> impl Iterator<Item = (&Bucket, u32)> {
        self.charge.path.charges().filter(|(bucket, _)| !self.over || bucket.is_enforced())
    }

    pub(crate) fn is_over(&self) -> bool {
        self.over
    }

    /// Sends a correction of what was charged to `cost`.
    pub(crate) fn settle(&self, cost: u32, reply: SettleReply) -> Result<(), Error> {
        let request = SettleRequest::new(&self.charge, self.charged(), cost, Some(reply));
        self.charge.outbox.send(request).map_err(|_| Error::Closed)
    }
}

impl Drop for Grant {
    fn drop(&mut self) {
        // A charge with a name stays: asked for again under its name, it has been paid for.
        if !self.taken && self.charge.name.is_none() {
            // Fails only when the dispatcher is gone; the store's refill makes up for it.
            let request = SettleRequest::new(&self.charge, self.charged(), 0, None);
            let _ = self.charge.outbox.send(request);
        }
    }
}
