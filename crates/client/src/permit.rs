//! A grant: what was charged, and what is left.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;

use crate::dispatcher::{Charge, Grant, Lease};
use crate::engine::SettlementReply;
use crate::error::Error;
use crate::metrics::Purpose;
use crate::policy::{Bucket, Measure, Mode, Terms};

/// A grant to send one call.
///
/// Dropping it keeps what was charged: the call is taken to have been sent, and to be over. A call that was not sent
/// gives its tokens back with [`Permit::give_back`].
///
/// Where a limit counts calls in flight, the call is one of them from its grant until its permit is dropped or settled:
/// keep the permit until the answer has come. Of a process that has died the call counts until its
/// [lease](Permit::lease) runs out; until then the limiter renews it.
#[derive(Debug)]
pub struct Permit {
    grant: Grant,
    waited: Duration,
}

/// Why a permit can't be settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PermitError {
    /// It was settled or given back before.
    #[error("the permit has been settled before")]
    SettledBefore,
    /// It was granted more than 10 minutes ago.
    #[error("the permit is more than 10 minutes old and can't be settled any more")]
    TooLate,
    /// The text is no permit of this namespace.
    #[error("the permit id is not one that this namespace has given out")]
    Unknown,
}

/// One limit on the path of a granted call, as it stood after the grant.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LimitState {
    /// The limit's name.
    pub limit: String,
    /// Which of its buckets.
    pub key: String,
    /// What is counted in it.
    pub measure: Measure,
    /// Whole tokens left in the bucket, or how many more calls may be in flight.
    pub remaining: u64,
    /// Until the bucket is full again, if nobody else comes; where calls in flight are counted at the latest, if no
    /// lease is renewed.
    pub reset_after: Duration,
    /// What the bucket earns, costs and holds.
    pub terms: Terms,
    /// Whether the limit refuses calls or only counts them.
    pub mode: Mode,
}

impl Permit {
    pub(crate) fn new(grant: Grant, waited: Duration) -> Self {
        Self { grant: grant.take(), waited }
    }

    pub(crate) fn charge(&self) -> &Charge {
        self.grant.charge()
    }

    pub(crate) fn shared_charge(&self) -> Arc<Charge> {
        self.grant.shared_charge()
    }

    pub(crate) fn into_grant(self) -> Grant {
        self.grant
    }

    pub(crate) fn leases(&self) -> Box<[Lease]> {
        self.grant.leases()
    }

    pub(crate) fn charged(&self) -> impl Iterator<Item = (&Bucket, u32)> {
        self.grant.charged()
    }

    /// How long the call waited for it; zero if it was taken back by its id.
    #[must_use]
    pub fn waited(&self) -> Duration {
        self.waited
    }

    /// When it was granted, in microseconds since 1970 by the store's clock; 0 if no limit applies to the call.
    #[must_use]
    pub fn granted_at_us(&self) -> u64 {
        self.charge().granted_at_us
    }

    /// Tokens that the call costs by its own account, which were charged to every limit that does not read its costs
    /// off calls; 0 if no limit applies to the call.
    #[must_use]
    pub fn cost(&self) -> u32 {
        self.charge().cost
    }

    /// Whether a limit in `observe` mode would have refused the call.
    #[must_use]
    pub fn would_be_refused(&self) -> bool {
        self.grant.is_over()
    }

    /// How long the call counts as in flight unless that is renewed, if a limit on its path counts calls in flight.
    /// This process renews it as long as it holds the permit; whoever has its id does so with
    /// [`Tollgate::heartbeat`](crate::Tollgate::heartbeat).
    #[must_use]
    pub fn lease(&self) -> Option<Duration> {
        self.grant.leases().iter().filter_map(|lease| lease.bucket.terms().lease()).min()
    }

    /// What was counted on the call's path, in the order of the policy, as it stood after the grant; a limit with
    /// several measures is there with each. None if the permit was taken back by its id, which does not carry them.
    pub fn limits(&self) -> impl Iterator<Item = LimitState> + '_ {
        self.charge()
            .path
            .buckets()
            .iter()
            .zip(self.charge().debts.iter())
            .map(|(bucket, &debt)| LimitState::of(bucket, debt))
    }

    /// Corrects the charge to what the call has really cost, in tokens, once it is known. The call is over.
    ///
    /// Where a limit on the path reads its costs off calls, the correction is of such limits alone: the others count
    /// calls. With a cost of 0 the call was not sent, and counts nowhere.
    ///
    /// Less than charged is given back, as far as it has not been earned back since, and only if the policy has not
    /// changed since. More is charged in addition, even where the limit has no room left: the next calls wait the
    /// longer.
    ///
    /// # Errors
    /// [`Error::Store`] if the store did not answer in time, and the correction may have been made or not;
    /// [`Error::Permit`] if the permit was settled before or granted more than 10 minutes ago, which only those of a
    /// call with a [`request_id`](crate::Call::request_id) and those taken back by their id can be told: nothing is
    /// corrected then, but the call is over; [`Error::Closed`] if the runtime of the limiter was shut down.
    ///
    /// # Cancel safety
    /// Once polled the correction is on its way, whether or not the future is polled to its end.
    pub async fn settle(self, cost: u32) -> Result<(), Error> {
        // Where no limit applied there is nothing to correct, and no grant in the store that it could be the second of.
        let is_free = self.charge().path.buckets().is_empty();
        if is_free || (self.charge().name.is_none() && self.grant.has_cost(cost)) {
            let corrections = &self.charge().meters.all().corrections;
            corrections.count(Purpose::of_cost(cost), &Ok(SettlementReply::Settled));
            return Ok(());
        }
        let (reply, answer) = oneshot::channel();
        self.grant.settle(cost, reply)?;
        outcome(answer.await)
    }

    /// Gives everything back: the call was not sent. The same as `settle(0)`.
    ///
    /// # Errors
    /// As for [`Permit::settle`].
    ///
    /// # Cancel safety
    /// As for [`Permit::settle`].
    pub async fn give_back(self) -> Result<(), Error> {
        self.settle(0).await
    }
}

/// What the store said to a settlement.
pub(crate) fn outcome(
    answer: Result<Result<SettlementReply, Error>, oneshot::error::RecvError>,
) -> Result<(), Error> {
    match answer.map_err(|_| Error::Closed)?? {
        SettlementReply::Settled => Ok(()),
        SettlementReply::SettledBefore => Err(PermitError::SettledBefore.into()),
        SettlementReply::TooLate => Err(PermitError::TooLate.into()),
    }
}

impl LimitState {
    pub(crate) fn of(bucket: &Bucket, debt: u64) -> Self {
        let terms = bucket.terms();
        Self {
            limit: bucket.limit_name().to_owned(),
            key: bucket.key().to_owned(),
            measure: bucket.measure(),
            remaining: terms.remaining_tokens(debt),
            reset_after: Duration::from_micros(terms.full_in_us(debt)),
            terms,
            mode: bucket.mode(),
        }
    }
}
