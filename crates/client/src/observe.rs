//! What the provider answered: a refusal that one replica is given teaches all of them.

use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use crate::call::Call;
use crate::change::Change;
use crate::dispatcher::Charge;
use crate::engine::{
    BackOff, BackOffReply, Blamed, Lower, PAUSE_MAX, QuotaLeft, RefusedCall, Reply, Reporter,
};
use crate::error::Error;
use crate::gate::Tollgate;
use crate::in_force::InForce;
use crate::keeper::{AUTHOR, Keeper};
use crate::permit::Permit;
use crate::policy::{Bucket, Learned, Suspect, Suspects};
use crate::provider::{Adapter, Answer, ProviderLimit, QuotaReading, Reading, Throttled};

/// A policy that another replica writes at the same moment is met again on the next try; more than a few in a row are none.
const TRIES: usize = 8;

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
    /// Whether the call was granted after the last refusal had been taken up; of those that were on their way then all tell the
    /// same.
    pub is_news: bool,
    /// Whether its pace was cut by this answer; it is once in a window, however many calls are refused in it.
    pub is_cut: bool,
}

/// An answer on its way to the fleet, begun when it is first polled.
///
/// An answer that says nothing of limits takes no time: the store is not asked. A call that was throttled pauses a bucket for all
/// replicas, from their next grant on, for as long as the provider wants: that of the limit which the provider names, or else the
/// narrowest that the call passed and of which half is spent; where three of different keys are refused within ten seconds it is
/// what they share. Afterwards the bucket begins empty, and goes at a pace that is cut by a tenth or more, and raised again
/// as long as it is used. A limit that is named and not known, or a refusal that nothing explains, is *learned*: a limit for the
/// call's family of paths is written into the policy. What is said to
/// remain of a quota only ever lowers the bucket of the limit that it names.
///
/// # Errors
/// [`Error::Call`] if the call can't be taken as it is; [`Error::Store`] if the store does not answer within its timeout, or is
/// not fit; [`Error::Conflict`] and [`Error::Policy`] if other policies come into force all the time, or one that can't be taken
/// up. The answer has been read all the same: [`Observe::reading`].
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

    /// Takes up the provider's answer to a call whose permit was [handed over](Tollgate::hand_over), by its id, at whichever
    /// replica. The permit stays as it is: its call is not over by this, and its lease is not renewed.
    ///
    /// As [`Tollgate::observe`], but for what remains of quotas, which lowers no bucket: an id does not carry what the buckets
    /// owed after the grant.
    ///
    /// # Errors
    /// [`PermitError::Unknown`](crate::PermitError::Unknown) if the id was not given out for this namespace.
    pub fn observe_permit_id<'a>(&'a self, id: &str, answer: &Answer<'_>) -> Result<Observe<'a>, Error> {
        Ok(self.observed(answer, Granted::Charged(self.opened(id)?)))
    }

    /// Takes up the provider's answer to a call of which there is no permit at hand.
    ///
    /// When it was granted is not known then: a refusal that arrives while its bucket is paused is taken to be an old one.
    pub fn observe_call<'a>(&'a self, call: &'a Call, answer: &Answer<'_>) -> Observe<'a> {
        self.observed(answer, Granted::Unknown).call(call)
    }

    /// How the provider's answers are understood, by the policy in force. It tells how much of an answer's body is of use.
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

/// What is told to the store, under whichever policy is in force.
struct Telling {
    gate: Tollgate,
    /// Of the answer.
    status: u16,
    granted: Granted,
    call: Option<Call>,
    /// Who has told it, "" if that is this process itself.
    author: String,
}

/// What has come of learning a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lesson {
    /// This replica has written it into the policy.
    Learned,
    /// Another policy came into force meanwhile, which may know it.
    Outdated,
    /// There is nothing to learn, or it can't be.
    None,
}

impl Lesson {
    /// Whether the limit is to be looked for again, by the policy that is in force now.
    fn is_to_look_again(self) -> bool {
        self != Self::None
    }
}

impl Telling {
    fn keeper(&self) -> &Keeper {
        self.gate.keeper()
    }

    /// Pauses what explains the refusal; what nothing explains is learned. Where another policy comes into force meanwhile it is
    /// all found anew by that.
    async fn back_off(&self, throttled: &Throttled) -> Result<Option<Pause>, Error> {
        let named = throttled.limit.as_ref();
        let (mut may_learn, mut has_learned) = (self.call.is_some(), false);
        for _ in 0..TRIES {
            let in_force = self.gate.current().load_full();
            let passed = self.passed(&in_force)?;
            let suspects = match in_force.policy.suspects(&passed, named.map(|limit| limit.name.as_str())) {
                Suspects::Unknown if may_learn => {
                    let lesson = self.learn(&in_force, named).await?;
                    (may_learn, has_learned) =
                        (lesson.is_to_look_again(), has_learned || lesson == Lesson::Learned);
                    continue;
                }
                Suspects::Unknown => in_force.policy.suspects(&passed, None),
                suspects => suspects,
            };
            let (blamed, suspects) = match suspects {
                Suspects::Named(suspect) => (Blamed::Named, vec![suspect]),
                Suspects::Unnamed(suspects) if may_learn => (Blamed::IfExplained, suspects),
                Suspects::Unnamed(suspects) => (Blamed::Narrowest, suspects),
                Suspects::Unknown => return Ok(None),
            };
            let refused = RefusedCall {
                granted_at_us: self.granted_at_us(),
                wait: throttled.wait.duration.min(PAUSE_MAX),
                blamed,
                status: self.status,
                is_learned: has_learned,
            };
            match self.pause(refused, suspects, &in_force).await? {
                Reply::Done(None) if may_learn => {
                    let lesson = self.learn(&in_force, None).await?;
                    (may_learn, has_learned) =
                        (lesson.is_to_look_again(), has_learned || lesson == Lesson::Learned);
                }
                Reply::Done(pause) => return Ok(pause),
                _ => self.keeper().renew().await?,
            }
        }
        Err(Error::Conflict { current: self.gate.current().load().fence().to_owned() })
    }

    async fn pause(
        &self,
        refused: RefusedCall,
        suspects: Vec<Suspect>,
        in_force: &InForce,
    ) -> Result<Reply<Option<Pause>>, Error> {
        if suspects.is_empty() {
            return Ok(Reply::Done(None));
        }
        let reporter = self.reporter(in_force, suspects.iter().map(|suspect| &suspect.bucket));
        let mut back_off = BackOff::new(refused).reported_by(reporter);
        for Suspect { bucket, window } in &suspects {
            back_off.push(bucket, *window);
        }
        let reply = self.keeper().library().back_off(&back_off, in_force).await?;
        let paused = |reply: BackOffReply| {
            let bucket = &back_off.buckets()[reply.bucket?];
            let pause = Pause::of(bucket, reply);
            in_force
                .meters()
                .limit(bucket.limit())
                .inspect(|meter| meter.refused_by_provider(&pause, bucket));
            Some(pause)
        };
        Ok(reply.map(paused))
    }

    /// Has the policy know the limit that refused the call, which the provider has `named` or not. What can't be learned is no
    /// reason to pause nothing.
    async fn learn(&self, in_force: &InForce, named: Option<&ProviderLimit>) -> Result<Lesson, Error> {
        let Some(call) = &self.call else { return Ok(Lesson::None) };
        let name = named.map_or("that it has not named", |named| named.name.as_str());
        let Learned { policy, limit } = match in_force.policy.with_learned(named, call) {
            Ok(Some(learned)) => learned,
            Ok(None) => return Ok(Lesson::None),
            Err(error) => {
                tracing::warn!(limit = name, %error, "the provider has a limit that the policy can't take up");
                return Ok(Lesson::None);
            }
        };
        let reason = format!("the provider refused a call by a limit {name}");
        let change = Change { author: AUTHOR.to_owned(), reason };
        match self.gate.put(&policy, Some(in_force.fence()), (&change, Some(&limit))).await {
            Ok(_) => {
                tracing::warn!(limit = name, "the provider has a limit that the policy did not know");
                Ok(Lesson::Learned)
            }
            Err(Error::Conflict { .. }) => self.keeper().renew().await.map(|()| Lesson::Outdated),
            Err(error) => {
                tracing::warn!(limit = name, %error, "a limit of the provider can't be written into the policy");
                Ok(Lesson::None)
            }
        }
    }

    /// Lowers the buckets of the quotas of which less remains than they hold.
    async fn lower(&self, quotas: &[QuotaReading]) -> Result<(), Error> {
        let Granted::Charged(charge) = &self.granted else { return Ok(()) };
        let in_force = self.gate.current().load_full();
        // What a bucket owed after a grant is told in the terms of the policy that it was granted by.
        if in_force.generation() != charge.generation {
            return Ok(());
        }
        let reporter = self.reporter(&in_force, charge.path.buckets());
        let mut lower = Lower::granted_in(charge.epoch, charge.granted_at_us).reported_by(reporter);
        for (bucket, &owed) in charge.path.buckets().iter().zip(&*charge.debts) {
            for quota in in_force.policy.told_of(bucket, quotas) {
                let Some(remaining) = quota.remaining else { continue };
                // Where it comes back evenly nothing has to do until the reset.
                let resets_in = quota.resets_in.filter(|resets| !quota.refills_evenly && !resets.is_zero());
                let holds_more = remaining < bucket.terms().remaining_tokens(owed);
                // A bucket that holds nothing earns meanwhile what the provider refuses.
                if holds_more || (remaining == 0 && resets_in.is_some()) {
                    lower.push(bucket, QuotaLeft { owed, remaining, resets_in });
                }
            }
        }
        if !lower.is_empty() {
            // A policy that has changed meanwhile has begun anew; the next answer tells it.
            let _ = self.keeper().library().lower(&lower, &in_force).await?;
        }
        Ok(())
    }

    /// When the call was granted, 0 if that is not known.
    fn granted_at_us(&self) -> u64 {
        match &self.granted {
            Granted::Charged(charge) => charge.granted_at_us,
            Granted::Unknown => 0,
        }
    }

    /// Who tells it, and whose call it was: what is known of that, or can be read off the buckets.
    fn reporter<'b>(&self, in_force: &InForce, passed: impl IntoIterator<Item = &'b Bucket>) -> Reporter {
        let of_call = self.call.as_ref().and_then(|call| call.org.clone());
        let of_flow = match &self.granted {
            Granted::Charged(charge) => charge.path.flow().split_once(':').map(|(_, org)| org.to_owned()),
            Granted::Unknown => None,
        };
        let org = of_call.or(of_flow).or_else(|| in_force.policy.org_of(passed));
        let route = self.call.as_ref().map(Call::route).unwrap_or_default();
        let (replica, author) = (self.gate.replica().to_owned(), self.author.clone());
        Reporter { replica, org: org.unwrap_or_default(), route, author }
    }

    /// The buckets that the call passes under a policy.
    fn passed(&self, in_force: &InForce) -> Result<Vec<Bucket>, Error> {
        let path = self.call.as_ref().map(|call| in_force.path(call));
        match (path, &self.granted) {
            (Some(Ok(path)), _) => Ok(path.buckets().to_vec()),
            // It was granted once, whatever is said of it now.
            (_, Granted::Charged(charge)) => {
                let known = |bucket: &Bucket| in_force.policy.bucket(bucket.counted_as(), bucket.key());
                Ok(charge.path.buckets().iter().filter_map(known).collect())
            }
            (Some(Err(error)), Granted::Unknown) => Err(error.into()),
            (None, Granted::Unknown) => Ok(Vec::new()),
        }
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
