//! One acquire, from the call to its permit.

use std::future::{Future, IntoFuture};
use std::iter;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use sha2::{Digest, Sha256};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::oneshot;
use tracing::field::Empty;
use tracing::{Instrument, Span};

use crate::call::Call;
use crate::clock::{self, Instant};
use crate::decision::Decision;
use crate::dispatcher::{Answer, Charge, GoneOut, Grant, LineKey, Patience, Request};
use crate::error::Error;
use crate::gate::Tollgate;
use crate::identity;
use crate::metrics::{Asking, PolicyMeters};
use crate::permit::Permit;
use crate::policy::{Bucket, Path};
use crate::store::StoreError;

/// A wait for a permit, begun when it is first polled.
///
/// # Errors
/// [`Error::Refused`] at once where the wait would go past its deadline, with the earliest time that could work;
/// [`Error::Call`] if the call can't be decided on as it is; [`Error::Store`] if the store does not answer within its
/// timeout, or is not fit; [`Error::Policy`] and [`Error::Conflict`] if another policy has come into force that can't
/// be taken up; [`Error::TooManyWaiting`] if too many calls of its organisation and priority wait already;
/// [`Error::Closed`] if the runtime of the limiter was shut down.
///
/// # Cancel safety
/// Dropped before it is done it gives back what it may have been granted meanwhile, and leaves its place in line. Of a
/// call with a [`request_id`](crate::Call::request_id) the charge is kept, for whoever asks again.
#[derive(Debug)]
#[must_use = "nothing is asked for until it is awaited"]
pub struct Acquire<'a> {
    gate: &'a Tollgate,
    call: &'a Call,
    patience: Patience,
}

/// A caller who waits. Dropped before the answer has come it says so, and leaves its place to others at once.
struct Stay<'a> {
    answer: oneshot::Receiver<Result<Answer, Error>>,
    /// The line it stands in, until it has its answer.
    line: Option<LineKey>,
    gone: &'a GoneOut,
}

impl Drop for Stay<'_> {
    fn drop(&mut self) {
        if let Some(line) = self.line.take() {
            // Whoever is told looks for calls that nobody waits for.
            self.answer.close();
            let _ = self.gone.send(line);
        }
    }
}

impl<'a> Acquire<'a> {
    pub(crate) fn new(gate: &'a Tollgate, call: &'a Call, patience: Patience) -> Self {
        Self { gate, call, patience }
    }

    /// Waits for tokens no longer than `wait` from now; a wait that would take longer is refused at once.
    ///
    /// An answer of the store that is on its way is waited for, also past the deadline. Where the store falls silent
    /// that ends when its timeout has passed since the beginning, or a quarter of it since the deadline, whichever is
    /// later.
    pub fn within(mut self, wait: Duration) -> Self {
        // Beyond what the clock can tell is without end.
        self.patience = clock::now().checked_add(wait).map_or(Patience::Endless, Patience::Until);
        self
    }

    /// As awaiting it, with a refusal as a value.
    ///
    /// # Errors
    /// As for the type, but for [`Error::Refused`].
    pub async fn decide(self) -> Result<Decision, Error> {
        let Self { gate, call, .. } = &self;
        // Off, it costs a look at a flag. Its fields are of the policy and of this crate: nothing in it tells whose
        // call it was.
        let span =
            tracing::debug_span!("tollgate.acquire", outcome = Empty, limit = Empty, waited_us = Empty);
        let asking = Asking::begin(&gate.keeper().meters().acquires, call.priority, span.clone());
        let result = self.decided(&span).instrument(span.clone()).await;
        asking.end(&result);
        result
    }

    /// Asks until there is an answer, and counts it at the limits: nothing is awaited between that and the caller.
    async fn decided(&self, span: &Span) -> Result<Decision, Error> {
        let began = clock::now();
        let mut asked = began;
        loop {
            match self.in_time(began, self.ask(asked)).await? {
                Answer::Granted(grant, held_by) => {
                    grant.count();
                    let waited = clock::now().saturating_duration_since(began);
                    if let Some(bucket) = held_by.map(|place| &grant.charge().path.buckets()[place]) {
                        let meter = grant.charge().meters.limit(bucket.limit());
                        meter.inspect(|meter| _ = span.record("limit", meter.name()));
                        self.gate.report_wait(bucket, waited);
                    }
                    return Ok(Decision::Granted(Permit::new(grant, waited)));
                }
                Answer::Refused(refused, meter) => {
                    meter.inspect(|meter| meter.refused(refused.reason));
                    span.record("limit", refused.limit.as_str());
                    self.gate.report_refusal(&refused);
                    return Ok(Decision::Refused(refused));
                }
                Answer::Outdated => asked = clock::now(),
            }
        }
    }

    /// Asks under the policy in force; `now` is when.
    async fn ask(&self, now: Instant) -> Result<Answer, Error> {
        let in_force = self.gate.current().load();
        let (path, generation) = (in_force.path(self.call), in_force.generation());
        // Needed for a call that is free alone.
        let meters =
            path.as_ref().is_ok_and(|path| path.buckets().is_empty()).then(|| Arc::clone(in_force.meters()));
        drop(in_force);
        // Decided here, without the store, which would have known whether the policy is still the same.
        let is_decided = path.as_ref().map_or(true, |path| path.buckets().is_empty());
        if is_decided && self.gate.look_again().await {
            return Ok(Answer::Outdated);
        }
        let path = path?;
        let name = self.call.request_id.as_deref().map(|id| permit_name(id, &path));
        if let Some(meters) = meters {
            return Ok(Answer::Granted(self.free(path, name, meters), None));
        }
        let path = path.under(self.call.request_id.as_deref());
        let (reply, answer) = oneshot::channel();
        let patience = self.patience;
        let line = LineKey { generation, path, waits: patience != Patience::None, name };
        let mut stay = Stay { answer, line: line.waits.then(|| line.clone()), gone: self.gate.gone() };
        self.put_in(Request { line, patience, queued_at: now, reply, place: None, held_by: None }).await?;
        let answer = (&mut stay.answer).await;
        stay.line = None;
        answer.map_err(|_| Error::Closed)?
    }

    /// Puts a request into the inbox; waits only if that is full, which is dearer to find out.
    async fn put_in(&self, request: Request) -> Result<(), Error> {
        let inbox = self.gate.inbox();
        match inbox.try_send(request) {
            Ok(()) => Ok(()),
            Err(TrySendError::Full(request)) => inbox.send(request).await.map_err(|_| Error::Closed),
            Err(TrySendError::Closed(_)) => Err(Error::Closed),
        }
    }

    /// The grant of a call that no limit applies to.
    fn free(&self, path: Arc<Path>, name: Option<Box<str>>, meters: Arc<PolicyMeters>) -> Grant {
        let outbox = self.gate.outbox().clone();
        let debts = Arc::new([]);
        let charge = Charge {
            path,
            generation: 0,
            debts,
            cost: 0,
            epoch: 0,
            granted_at_us: 0,
            name,
            leases: [].into(),
            meters,
            outbox,
        };
        Grant::new(Arc::new(charge), 0, false)
    }

    /// The dispatcher answers before the deadline, or a round trip later, unless the store stands still. A deadline
    /// shorter than the store's timeout is no reason to give up a first answer that is on its way.
    async fn in_time(
        &self,
        began: Instant,
        answer: impl Future<Output = Result<Answer, Error>>,
    ) -> Result<Answer, Error> {
        let Patience::Until(deadline) = self.patience else { return answer.await };
        let timeout = self.gate.store_timeout();
        let until = (deadline + timeout / 4).max(began + timeout);
        let late =
            || Err(Error::Store(StoreError::Timeout { after: until.saturating_duration_since(began) }));
        clock::timeout(until.saturating_duration_since(clock::now()), answer).await.unwrap_or_else(late)
    }
}

/// The name of a call that brings a request id. Another path or other costs under the same id is another call, which is
/// charged.
fn permit_name(request_id: &str, path: &Path) -> Box<str> {
    let mut digest = Sha256::new();
    // No name of a bucket and no request id has a control character in it, so the parts can't run into each other.
    for part in [request_id].into_iter().chain(path.buckets().iter().map(Bucket::name)) {
        digest.update(part);
        digest.update([0]);
    }
    for cost in iter::once(path.cost()).chain(path.charges().map(|(_, cost)| cost)) {
        digest.update(cost.to_be_bytes());
    }
    identity::hex(&digest.finalize()[..16]).into()
}

impl<'a> IntoFuture for Acquire<'a> {
    type Output = Result<Permit, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            match self.decide().await? {
                Decision::Granted(permit) => Ok(permit),
                Decision::Refused(refused) => Err(Error::Refused(refused)),
            }
        })
    }
}
