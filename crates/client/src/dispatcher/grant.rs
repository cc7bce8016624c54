//! A grant on its way to its caller.

use std::sync::Arc;

use super::lease::{Lease, Leases};
use super::notice::{Notice, Outbox, SettleReply, SettleRequest};
use crate::engine::{CallState, Settlement};
use crate::error::Error;
use crate::metrics::{PolicyMeters, Purpose};
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
    /// Their leases, at each bucket that counts calls in flight.
    pub(crate) leases: Box<[Leases]>,
    /// What is counted at the limits on the path.
    pub(crate) meters: Arc<PolicyMeters>,
    /// Where corrections go.
    pub(crate) outbox: Outbox,
}

/// The right to send one call. Dropped before anybody took it - the caller's future was dropped - it is given back.
/// Dropped later its call is over.
#[derive(Debug)]
pub(crate) struct Grant {
    charge: Arc<Charge>,
    /// How many of the calls that were charged together are before it.
    number: u32,
    /// An observed limit would have refused the call.
    over: bool,
    state: GrantState,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum GrantState {
    /// On its way to the caller.
    Given,
    /// The caller has it.
    Taken,
    /// Settled, or handed over: it is no longer this one's business.
    Done,
}

impl Charge {
    /// The leases of the call that has so many before it.
    pub(super) fn leases_of(&self, number: u32) -> impl Iterator<Item = Lease> {
        self.leases.iter().filter_map(move |leases| leases.of(number))
    }

    /// Which call it is, for the store.
    pub(super) fn settlement(&self, permit: Option<Box<str>>, call: CallState) -> Settlement {
        Settlement { permit, epoch: self.epoch, granted_at_us: self.granted_at_us, call }
    }
}

impl Grant {
    pub(crate) fn new(charge: Arc<Charge>, number: u32, over: bool) -> Self {
        Self { charge, number, over, state: GrantState::Given }
    }

    /// The caller has it: from here on it is kept unless the caller gives it back.
    pub(crate) fn take(mut self) -> Self {
        self.state = GrantState::Taken;
        self
    }

    /// Counts it as one that its caller has.
    pub(crate) fn count(&self) {
        self.charge.meters.granted(&self.charge, self.over);
    }

    pub(crate) fn shared_charge(&self) -> Arc<Charge> {
        Arc::clone(&self.charge)
    }

    pub(crate) fn charge(&self) -> &Charge {
        &self.charge
    }

    /// The buckets that were charged, and what each was: an observed one that had no room may not be among them, and is
    /// taken not to be.
    pub(crate) fn charged(&self) -> impl Iterator<Item = (&Bucket, u32)> {
        self.charge.path.charges().filter(|(bucket, _)| self.was_charged(bucket))
    }

    fn was_charged(&self, bucket: &Bucket) -> bool {
        !self.over || bucket.is_enforced()
    }

    /// What its call holds where calls in flight are counted.
    pub(crate) fn leases(&self) -> Box<[Lease]> {
        self.charge.leases_of(self.number).collect()
    }

    /// Whether that is what it was charged for.
    pub(crate) fn has_cost(&self, cost: u32) -> bool {
        self.charge.path.corrections(cost).all(|(_, given_back)| given_back == 0)
    }

    pub(crate) fn is_over(&self) -> bool {
        self.over
    }

    /// Sends a correction of what was charged to `cost`. The call is over.
    pub(crate) fn settle(mut self, cost: u32, reply: SettleReply) -> Result<(), Error> {
        self.state = GrantState::Done;
        self.tell(Notice::Settle(self.correction(Purpose::of_cost(cost), cost, Some(reply))))
    }

    fn correction(&self, purpose: Purpose, cost: u32, reply: Option<SettleReply>) -> SettleRequest {
        let corrections = self.charge.path.corrections(cost).filter(|(bucket, _)| self.was_charged(bucket));
        SettleRequest::correction(&self.charge, corrections, self.leases(), reply).with_purpose(purpose)
    }

    /// Says that the call goes on, for whoever holds the permit's id.
    pub(crate) fn go_on(mut self, reply: SettleReply) -> Result<(), Error> {
        self.state = GrantState::Done;
        self.tell(Notice::Settle(SettleRequest::goes_on(&self.charge, self.leases(), reply)))
    }

    /// From here on somebody else has it, by its id.
    pub(crate) fn hand_over(mut self) {
        self.state = GrantState::Done;
        if !self.charge.leases.is_empty() {
            let _ = self.tell(Notice::HandedOver(self.leases()));
        }
    }

    fn tell(&self, notice: Notice) -> Result<(), Error> {
        self.charge.outbox.send(notice).map_err(|_| Error::Closed)
    }
}

/// What is told here fails to arrive only when the dispatcher is gone; then the store's refill makes up for it, and
/// leases run out.
impl Drop for Grant {
    fn drop(&mut self) {
        let is_named = self.charge.name.is_some();
        let notice = match self.state {
            // Asked for again under its name, it has been paid for, and is in flight.
            GrantState::Given if is_named => Notice::HandedOver(self.leases()),
            GrantState::Given => Notice::Settle(self.correction(Purpose::Unclaimed, 0, None)),
            GrantState::Taken if self.charge.leases.is_empty() => return,
            GrantState::Taken => Notice::Dropped(SettleRequest::over(&self.charge, self.leases())),
            GrantState::Done => return,
        };
        let _ = self.tell(notice);
    }
}
