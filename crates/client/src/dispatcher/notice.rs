//! What holders of permits tell the dispatcher.

use std::borrow::Cow;

use tokio::sync::{mpsc, oneshot};

use super::grant::Charge;
use super::lease::Lease;
use crate::engine::{CallState, Settlement, SettlementReply};
use crate::error::Error;
use crate::in_force::InForce;
use crate::metrics::Purpose;
use crate::policy::Bucket;

/// The way in for what holders of permits tell; unbounded, because a dropped grant can't wait. Grants bound it.
pub(crate) type Outbox = mpsc::UnboundedSender<Notice>;

/// Where the outcome of a correction goes.
pub(crate) type SettleReply = oneshot::Sender<Result<SettlementReply, Error>>;

/// Something about a permit, or that there is something to report.
#[derive(Debug)]
pub(crate) enum Notice {
    /// What was charged is to be corrected, or leases are to be ended or renewed.
    Settle(SettleRequest),
    /// The call of a permit is over, unless another permit was granted for it under its name and is held here.
    Dropped(SettleRequest),
    /// A permit was taken back by its id: from here on its leases are renewed by this process.
    TakenBack(Box<[Lease]>),
    /// Callers were told something that is to be reported.
    Told,
    /// A permit was handed over: whoever has its id sees to its leases.
    HandedOver(Box<[Lease]>),
}

/// One correction of what was charged, and what becomes of the call's leases.
#[derive(Debug)]
pub(crate) struct SettleRequest {
    /// What each bucket is given back, by the policy of this generation.
    given_back: Box<[(Bucket, i64)]>,
    leases: Box<[Lease]>,
    generation: u64,
    pub(super) settlement: Settlement,
    /// What it is for.
    pub(super) purpose: Purpose,
    /// Nobody waits for the correction of a grant that was dropped.
    pub(super) reply: Option<SettleReply>,
}

impl SettleRequest {
    /// Of a call that is over, what it has cost instead.
    pub(super) fn correction<'b>(
        charge: &Charge,
        given_back: impl Iterator<Item = (&'b Bucket, i64)>,
        leases: Box<[Lease]>,
        reply: Option<SettleReply>,
    ) -> Self {
        // A bucket that is given nothing has nothing to do with it.
        let given_back = given_back.filter(|(_, tokens)| *tokens != 0);
        Self {
            given_back: given_back.map(|(bucket, tokens)| (bucket.clone(), tokens)).collect(),
            leases,
            generation: charge.generation,
            settlement: charge.settlement(charge.name.clone(), CallState::Over),
            purpose: Purpose::Settle,
            reply,
        }
    }

    pub(super) fn with_purpose(self, purpose: Purpose) -> Self {
        Self { purpose, ..self }
    }

    /// The call is over and has cost what was charged. It may still be settled by its name.
    pub(super) fn over(charge: &Charge, leases: Box<[Lease]>) -> Self {
        let settlement = charge.settlement(None, CallState::Over);
        Self::about_leases(leases, charge.generation, settlement, None)
    }

    /// The call of a permit goes on.
    pub(super) fn goes_on(charge: &Charge, leases: Box<[Lease]>, reply: SettleReply) -> Self {
        let settlement = charge.settlement(charge.name.clone(), CallState::InFlight);
        Self::about_leases(leases, charge.generation, settlement, Some(reply))
    }

    /// The calls that hold these leases go on.
    pub(super) fn renewal(leases: Box<[Lease]>) -> Self {
        let settlement = Settlement { permit: None, epoch: 0, granted_at_us: 0, call: CallState::InFlight };
        // Of several policies, perhaps: generation 0 is none.
        Self::about_leases(leases, 0, settlement, None)
    }

    fn about_leases(
        leases: Box<[Lease]>,
        generation: u64,
        settlement: Settlement,
        reply: Option<SettleReply>,
    ) -> Self {
        Self { given_back: [].into(), leases, generation, settlement, purpose: Purpose::Lease, reply }
    }

    /// With those leases alone of which it is true; `None` if there are none.
    pub(super) fn and_leases(mut self, is_so: impl FnMut(&Lease) -> bool) -> Option<Self> {
        let mut leases = self.leases.into_vec();
        leases.retain(is_so);
        self.leases = leases.into();
        Some(self).filter(|request| !request.leases.is_empty())
    }

    /// The leases of calls that are over.
    pub(super) fn ended_leases(&self) -> &[Lease] {
        if self.settlement.call == CallState::Over { &self.leases } else { &[] }
    }

    /// How many buckets it concerns at most.
    pub(super) fn bucket_count(&self) -> usize {
        self.given_back.len() + self.leases.len()
    }

    /// The buckets as they are under `in_force`, and what is given back to each. A limit that is gone has nothing to
    /// correct.
    pub(super) fn given_back_under(&self, in_force: &InForce) -> Vec<(Cow<'_, Bucket>, i64)> {
        let given_back = self.given_back.iter();
        given_back.filter_map(|(bucket, tokens)| Some((self.under(bucket, in_force)?, *tokens))).collect()
    }

    /// The same for the buckets at which leases are held, and their ids.
    pub(super) fn leases_under(&self, in_force: &InForce) -> Vec<(Cow<'_, Bucket>, u64)> {
        self.leases
            .iter()
            .filter_map(|lease| Some((self.under(&lease.bucket, in_force)?, lease.id)))
            .collect()
    }

    fn under<'b>(&self, bucket: &'b Bucket, in_force: &InForce) -> Option<Cow<'b, Bucket>> {
        if self.generation == in_force.generation() {
            return Some(Cow::Borrowed(bucket));
        }
        in_force.policy.bucket(bucket.counted_as(), bucket.key()).map(Cow::Owned)
    }
}
