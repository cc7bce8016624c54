//! A call that counts as in flight until this is dropped.

use futures_util::FutureExt;
use tollgate::Permit;

/// The permit of a call that was answered, and what it has cost in truth, if that is known. Dropped, the call is over.
#[derive(Debug)]
pub(crate) struct InFlight {
    permit: Option<Permit>,
    cost: Option<u32>,
}

impl InFlight {
    pub(crate) fn new(permit: Permit, cost: Option<u64>) -> Self {
        // A cost of nothing would say that the call was not sent, also to limits that count calls.
        let cost = cost.map(|cost| u32::try_from(cost).unwrap_or(u32::MAX).max(1));
        Self { permit: Some(permit), cost }
    }

    /// Whether a limit on its path counts calls in flight.
    pub(crate) fn is_counted(&self) -> bool {
        self.permit.as_ref().is_some_and(|permit| permit.lease().is_some())
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        if let (Some(permit), Some(cost)) = (self.permit.take(), self.cost) {
            // Once polled it is on its way, and nobody waits for it: the answer is the caller's already.
            let _ = permit.settle(cost).now_or_never();
        }
    }
}
