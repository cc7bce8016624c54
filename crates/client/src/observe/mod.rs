//! What the provider answered: a refusal that one replica is given teaches all of them.

mod telling;

use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use self::telling::Telling;
use crate::call::Call;
use crate::dispatcher::Charge;
use crate::engine::BackOffReply;
use crate::error::Error;
use crate::gate::Tollgate;
use crate::permit::Permit;
use crate::policy::Bucket;
use crate::provider::{Adapter, Answer, Reading};

/// What an answer said, and what came of it for the fleet.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Observation {
    /// What the answer says of the provider's limits.
    pub reading: Reading,
    /// The bucket that was paused, if the call was throttled and a limit explains it.
    pub pause: Option<Pause>,
}

/// A bucket that no call passes for a time, whichever replica asks.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Pause {
    /// The limit's name.
    pub limit: String,
    /// Which of its buckets.
    pub key: String,
    /// Until it earns again. It is empty then.
    pub wait: Duration,
    /// At which part of its rate it goes from then on, in hundredths, 2 to 100.
    pub pace_percent: u32,
    /// Whether the call was granted after the last refusal had been taken up; of those that were on their way then all
    /// tell the same.
    pub is_news: bool,
    /// Whether its pace was cut by this answer; it is once in a window, however many calls are refused in it.
    pub is_cut: bool,
}

/// An answer on its way to the fleet, begun when it is first polled.
///
/// An answer that says nothing of limits takes no time: the store is not asked. A call that was throttled pauses a
/// bucket for all replicas, from their next grant on, for as long as the provider wants: that of the limit which the
/// provider names, or else the narrowest that the call passed and of which half is spent; where three of different keys
/// are refused within ten seconds it is what they share. Afterwards the bucket begins empty, and goes at a pace that is
/// cut by a tenth or more, and raised again as long as it is used. A limit that is named and not known, or a refusal
/// that nothing explains, is *learned*: a limit for the call's family of paths is written into the policy. What is said
/// to remain of a quota only ever lowers the bucket of the limit that it names.
///
/// # Errors
/// [`Error::Call`] if the call can't be taken as it is; [`Error::Store`] if the store does not answer within its
/// timeout, or is not fit; [`Error::Conflict`] and [`Error::Policy`] if other policies come into force all the time, or
/// one that can't be taken up. The answer has been read all the same: [`Observe::reading`].
///
/// # Cancel safety
/// Once polled it is on its way, whether or not it is polled to its end.
#[derive(Debug)]
#[must_use = "nobody is told until it is awaited"]
pub struct Observe<'a> {
    gate: &'a Tollgate,
    reading: Reading,
    status: u16,
    granted: Granted,
    call: Option<&'a Call>,
    author: String,
}

/// What is known of the grant of the call that was answered.
#[derive(Clone, Debug)]
enum Granted {
    /// Its charge: which buckets it passed, and when.
    Charged(Arc<Charge>),
    /// Nothing but the call.
    Unknown,
}

impl Tollgate {
    /// Takes up the provider's answer to the call that `permit` was granted for.
    ///
    /// With [`Observe::call`] a limit that the provider names and the policy does not know can be learned.
    pub fn observe<'a>(&'a self, permit: &Permit, answer: &Answer<'_>) -> Observe<'a> {
        self.observed(answer, Granted::Charged(permit.shared_charge()))
    }

    /// Takes up the provider's answer to a call whose permit was [handed over](Tollgate::hand_over), by its id, at
    /// whichever replica. The permit stays as it is: its call is not over by this, and its lease is not renewed.
    ///
    /// As [`Tollgate::observe`], but for what remains of quotas, which lowers no bucket: an id does not carry what the
    /// buckets owed after the grant.
    ///
    /// # Errors
    /// [`PermitError::Unknown`](crate::PermitError::Unknown) if the id was not given out for this namespace.
    pub fn observe_permit_id<'a>(&'a self, id: &str, answer: &Answer<'_>) -> Result<Observe<'a>, Error> {
        Ok(self.observed(answer, Granted::Charged(self.opened(id)?)))
    }

    /// Takes up the provider's answer to a call of which there is no permit at hand.
    ///
    /// When it was granted is not known then: a refusal that arrives while its bucket is paused is taken to be an old
    /// one.
    pub fn observe_call<'a>(&'a self, call: &'a Call, answer: &Answer<'_>) -> Observe<'a> {
        self.observed(answer, Granted::Unknown).call(call)
    }

    /// How the provider's answers are understood, by the policy in force. It tells how much of an answer's body is of
    /// use.
    #[must_use]
    pub fn adapter(&self) -> Arc<Adapter> {
        Arc::clone(self.current().load().policy.adapter())
    }

    fn observed(&self, answer: &Answer<'_>, granted: Granted) -> Observe<'_> {
        let reading = self.current().load().policy.adapter().read(answer);
        Observe { gate: self, reading, status: answer.status, granted, call: None, author: String::new() }
    }
}

impl<'a> Observe<'a> {
    /// Which call it was.
    pub fn call(mut self, call: &'a Call) -> Self {
        self.call = Some(call);
        self
    }

    /// Who tells it, where that is another one than this process: it stands in the audit trail, in
    /// [`AuditEvent::Throttled`](crate::AuditEvent::Throttled), the first 200 bytes of it.
    pub fn author(mut self, author: impl Into<String>) -> Self {
        self.author = author.into();
        self
    }

    /// What the answer says, whether or not the fleet is told.
    #[must_use]
    pub fn reading(&self) -> &Reading {
        &self.reading
    }

    /// A future of its own, that borrows nothing.
    fn told(self) -> impl Future<Output = Result<Observation, Error>> + Send + use<> {
        let Self { gate, reading, status, granted, call, author } = self;
        let telling = Telling { gate: gate.clone(), status, granted, call: call.cloned(), author };
        async move {
            let pause = if let Some(throttled) = &reading.throttled {
                telling.back_off(throttled).await?
            } else {
                telling.lower(&reading.quotas).await?;
                None
            };
            Ok(Observation { reading, pause })
        }
    }
}

impl<'a> IntoFuture for Observe<'a> {
    type Output = Result<Observation, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            // Told whatever the answer says, so that a mistake does not show up only with the first refusal.
            self.call.map_or(Ok(()), Call::fault)?;
            if self.reading.throttled.is_none() && self.reading.quotas.is_empty() {
                return Ok(Observation { reading: self.reading, pause: None });
            }
            // A task: who has heard of a refusal tells it, also if its caller has gone meanwhile.
            tokio::spawn(self.told()).await.map_err(|_| Error::Closed)?
        })
    }
}

impl Pause {
    fn of(bucket: &Bucket, reply: BackOffReply) -> Self {
        Self {
            limit: bucket.limit_name().to_owned(),
            key: bucket.key().to_owned(),
            wait: Duration::from_micros(reply.paused_us),
            pace_percent: percent(reply.share),
            is_news: reply.is_news,
            is_cut: reply.is_cut,
        }
    }
}

/// A share of 1024 in hundredths, rounded up: nothing that goes at all goes at none.
pub(crate) fn percent(share: u32) -> u32 {
    (share * 100).div_ceil(1024)
}
