//! What a fleet does after calls were granted: corrects what they cost, looks at buckets, sweeps.

use std::collections::HashSet;
use std::rc::Rc;

use tollgate::engine::{
    BucketsPage, CallState, Peek, Reply, Script, SettleBatch, Settlement, SettlementReply, Sweep,
};
use tollgate::policy::Path;

use crate::fleet::Fleet;
use crate::head::{Value, values};
use crate::history::{Correction, Fate};
use crate::lab::State;
use crate::replica::{About, Corrections, Settled};
use crate::rules::{CLIENTS, Errand, LIMITS, ORGS};

impl Fleet {
    /// A replica sends its next corrections, or again those that have no answer yet.
    pub(crate) fn settle(
        &mut self,
        replica: usize,
        corrections: &[Correction],
        fate: Fate,
    ) -> Result<(), String> {
        let pending = self.settle_lanes[replica].pending.take();
        let Some(corrections) = pending.or_else(|| self.collect(replica, corrections)) else {
            return Ok(());
        };
        if fate == Fate::HeldUp {
            // It never arrives; the next try does.
            self.settle_lanes[replica].pending = Some(corrections);
            return Ok(());
        }
        let answer = self.settle_lanes[replica].answer.clone();
        let called = self.call(Script::SETTLE, corrections.argument(&answer, &self.server))?;
        let reply = corrections.batch.decode(&called.reply).map_err(|error| error.to_string())?;
        self.tell(format!(
            "batch {} of {answer}: {:?} -> {reply:?}",
            corrections.number,
            self.described(&corrections)
        ));
        let recalled =
            self.recalled(&called, &format!("a:{answer}"), corrections.number, reply == Reply::Superseded)?;
        if let Reply::Done(outcomes) = &reply
            && !recalled
        {
            self.corrected(&corrections, outcomes, &called.before)?;
        }
        if fate == Fate::AnswerLost {
            self.settle_lanes[replica].pending = Some(corrections);
            return Ok(());
        }
        if reply == Reply::Superseded {
            return Err("MEMORY: the last corrections of a lane were superseded".to_owned());
        }
        Ok(())
    }

    /// Notes the corrections for the judge, and that what has a name was made once.
    fn corrected(
        &mut self,
        corrections: &Corrections,
        outcomes: &[SettlementReply],
        before: &State,
    ) -> Result<(), String> {
        let mut names = HashSet::new();
        for (about, outcome) in corrections.about.iter().zip(outcomes) {
            let settled = about.name.as_ref().is_some_and(|name| {
                let told = &self.told[about.told];
                let known = before.get(&format!("p:{name}")).map(values).is_some_and(|record| {
                    // Told before it was charged: of an earlier call of the name.
                    let Value::Integer(charged_at_us) = record[1] else { return false };
                    let Value::Integer(charged_in) = record[3] else { return false };
                    let earlier = told.at_us < charged_at_us || told.epoch < charged_in;
                    record[2] == Value::Integer(1) || earlier
                });
                known || names.contains(name)
            });
            if settled != (*outcome == SettlementReply::SettledBefore) {
                return Err(format!("SETTLED: {about:?} was {outcome:?}"));
            }
            if *outcome == SettlementReply::Settled {
                names.extend(about.name.clone());
                let told = &self.told[about.told];
                let cost = u64::from(told.cost).saturating_add_signed(-about.give_back);
                self.judge.settled(told.grant, cost);
            }
        }
        Ok(())
    }

    fn collect(&mut self, replica: usize, corrections: &[Correction]) -> Option<Corrections> {
        let held = Rc::clone(&self.replicas[replica].held);
        let mut batch = SettleBatch::default();
        let mut about = Vec::new();
        for correction in corrections {
            if self.told.is_empty() {
                return None;
            }
            let index = usize::from(correction.grant) % self.told.len();
            let told = &mut self.told[index];
            let by_name = told.name.is_some() || correction.by_id;
            let again = told.settled == Settled::Not || (told.settled == Settled::ByName && by_name);
            let Some(path) = held.path(told.errand, told.cost) else {
                continue;
            };
            // The path may have grown since: what was not charged can't be given back.
            let charged =
                path.buckets().iter().all(|bucket| told.buckets.iter().any(|name| name == bucket.name()));
            // Nor what an observed limit did not charge.
            if !again || !charged || told.over {
                continue;
            }
            told.settled = if by_name { Settled::ByName } else { Settled::Once };
            let name = by_name.then(|| told.name.clone().unwrap_or_else(|| format!("id-{index}")));
            let give_back = match i64::from(correction.quarters) {
                quarters @ 1.. => (i64::from(told.cost) * quarters / 4).max(1),
                more => more - 1,
            };
            let settlement = Settlement {
                permit: name.as_deref().map(Into::into),
                epoch: told.epoch,
                granted_at_us: told.at_us,
                call: CallState::Over,
            };
            batch.push(path.buckets().iter().map(|bucket| (bucket, give_back)), settlement);
            about.push(About { told: index, give_back, name });
        }
        if about.is_empty() {
            return None;
        }
        self.settle_lanes[replica].number += 1;
        let number = self.settle_lanes[replica].number;
        Some(Corrections { batch, about, held, number })
    }

    fn described(&self, corrections: &Corrections) -> Vec<String> {
        let describe = |about: &About| {
            let told = &self.told[about.told];
            format!(
                "{} of {} to {}/{} at {} {}",
                about.give_back,
                told.cost,
                told.errand.org,
                told.errand.client,
                told.at_us,
                about.name.as_deref().unwrap_or_default()
            )
        };
        corrections.about.iter().map(describe).collect()
    }

    /// A replica looks at every bucket there can be.
    pub(crate) fn peek(&mut self, replica: usize) -> Result<(), String> {
        let held = Rc::clone(&self.replicas[replica].held);
        let mut question = Peek::default();
        for (org, client) in ORGS.into_iter().flat_map(|org| CLIENTS.map(|client| (org, client))) {
            let path = held.path(Errand { org, client, export: true, urgent: false }, 1);
            for bucket in path.iter().flat_map(Path::buckets) {
                question.push(bucket);
            }
        }
        let called =
            self.call(Script::PEEK, question.encode(&held.policy, &held.fence, &self.server.clone()))?;
        let reply = question.decode(&called.reply).map_err(|error| error.to_string())?;
        self.tell(format!("{reply:?}"));
        self.unchanged_since(&called.before, "a look")?;
        match reply {
            Reply::Done(reply) => self.time_is(&called.before, reply.now_us),
            _ => self.renew(replica),
        }
    }

    /// Somebody reads the first page of the buckets.
    pub(crate) fn list(&mut self, limit: Option<u8>) -> Result<(), String> {
        let limit = limit.map(|limit| LIMITS[usize::from(limit) % LIMITS.len()].name);
        let called = self.call(Script::LIST, BucketsPage { cursor: "0", limit }.encode())?;
        let reply = BucketsPage::decode(&called.reply).map_err(|error| error.to_string())?;
        self.tell(format!("{limit:?}: {reply:?}"));
        self.unchanged_since(&called.before, "a list")?;
        match reply {
            Reply::Done(reply) => self.time_is(&called.before, reply.now_us),
            _ => Ok(()),
        }
    }

    /// The first replica sweeps.
    pub(crate) fn sweep(&mut self) -> Result<(), String> {
        let held = Rc::clone(&self.replicas[0].held);
        let called = self.call(Script::SWEEP, Sweep.encode(&held.policy, &held.fence))?;
        let reply = Sweep.decode(&called.reply).map_err(|error| error.to_string())?;
        let gone =
            called.before.state.iter().filter(|(field, _)| {
                self.state.state.binary_search_by(|(known, _)| known.cmp(field)).is_err()
            });
        let gone: Vec<_> = gone.map(|(field, _)| String::from_utf8_lossy(field).into_owned()).collect();
        self.tell(format!("{reply:?}, gone {gone:?}"));
        match reply {
            Reply::Done(reply) if reply.removed != gone.len() as u64 => {
                Err(format!("SWEEP: {} removed, but {gone:?} are gone", reply.removed))
            }
            Reply::Done(_) => Ok(()),
            Reply::Stale { .. } => {
                self.unchanged_since(&called.before, "a sweep by another policy")?;
                self.renew(0)
            }
            _ => self.unchanged_since(&called.before, "a sweep of nothing"),
        }
    }
}
