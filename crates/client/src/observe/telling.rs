//! How an answer of the provider is told to the store, under whichever policy is in force.

use super::{Granted, Pause};
use crate::call::Call;
use crate::change::Change;
use crate::engine::{
    BackOff, BackOffReply, Blamed, Lower, PAUSE_MAX, QuotaLeft, RefusedCall, Reply, Reporter,
};
use crate::error::Error;
use crate::gate::Tollgate;
use crate::in_force::InForce;
use crate::keeper::{AUTHOR, Keeper};
use crate::policy::{Bucket, Learned, Suspect, Suspects};
use crate::provider::{ProviderLimit, QuotaReading, Throttled};

/// A policy that another replica writes at the same moment is met again on the next try; more than a few in a row are
/// none.
const TRIES: usize = 8;

/// What is told, of one answer.
pub(super) struct Telling {
    pub(super) gate: Tollgate,
    /// Of the answer.
    pub(super) status: u16,
    pub(super) granted: Granted,
    pub(super) call: Option<Call>,
    /// Who has told it, "" if that is this process itself.
    pub(super) author: String,
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

    /// Pauses what explains the refusal; what nothing explains is learned. Where another policy comes into force
    /// meanwhile it is all found anew by that.
    pub(super) async fn back_off(&self, throttled: &Throttled) -> Result<Option<Pause>, Error> {
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

    /// Has the policy know the limit that refused the call, which the provider has `named` or not. What can't be
    /// learned is no reason to pause nothing.
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
    pub(super) async fn lower(&self, quotas: &[QuotaReading]) -> Result<(), Error> {
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
