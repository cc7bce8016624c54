//! What becomes of a batch that has come back: calls are told, or wait on.

use std::sync::Arc;
use std::time::Duration;

use super::cargo::{Acquires, Settlements};
use super::flight::Landed;
use super::grant::Charge;
use super::told::Told;
use super::waiting::Party;
use super::{Dispatcher, Event, Upkeep, WATCH_EVERY};
use crate::clock;
use crate::engine::{AcquireReply, Reply, Script, SettlementReply};
use crate::error::Error;
use crate::in_force::InForce;
use crate::store::StoreError;

/// Pause after the policy could not be read or restored.
const RENEW_AGAIN: Duration = Duration::from_millis(50);

impl Dispatcher {
    pub(super) fn handle(&mut self, event: Event) {
        match event {
            Event::Acquired(landed) => self.land_acquires(landed),
            Event::Settled(landed) => self.land_settlements(landed),
            Event::Kept(result) => self.land_upkeep(result),
        }
    }

    fn land_acquires(&mut self, landed: Landed<Acquires>) {
        let Landed { lane, mut cargo, reply } = landed;
        self.lanes.push(lane);
        let reply = reply.and_then(|reply| {
            cargo.batch.decode(&reply).map_err(|error| StoreError::answer(Script::ACQUIRE, &error))
        });
        match reply {
            Ok(Reply::Done(reply)) => {
                self.keeper.saw_epoch(reply.epoch);
                for (index, party) in std::mem::take(&mut cargo.parties).into_iter().enumerate() {
                    self.land_party(party, index, &cargo, &reply);
                }
            }
            // Nothing was charged: the calls are asked for again, under the policy that is in force then.
            Ok(Reply::Stale { .. } | Reply::Lost) => {
                if Arc::ptr_eq(&cargo.in_force, &self.in_force) {
                    self.renew();
                }
                for party in cargo.parties {
                    self.ask_again(party, &cargo.in_force);
                }
            }
            Ok(Reply::Superseded) => self.fail(cargo, &StoreError::superseded(Script::ACQUIRE)),
            Err(error) => self.fail(cargo, &error),
        }
    }

    fn ask_again(&mut self, party: Party, asked_under: &Arc<InForce>) {
        if Arc::ptr_eq(asked_under, &self.in_force) {
            self.waiting.release(party.line, party.requests);
        } else {
            self.waiting.dissolve(party.line, party.requests);
        }
    }

    fn fail(&mut self, cargo: Acquires, error: &StoreError) {
        for party in cargo.parties {
            for request in party.requests {
                request.answer(Err(Error::Store(error.clone())));
            }
            self.waiting.release(party.line, Vec::new());
        }
    }

    /// Tells the calls of one entry: those that wait longest are granted, the rest waits on.
    fn land_party(&mut self, mut party: Party, index: usize, cargo: &Acquires, reply: &AcquireReply) {
        let entry = reply.entries[index];
        let path: Vec<_> = cargo.batch.path(index).collect();
        let debts: Arc<[u64]> = path.iter().map(|&bucket| reply.debts[bucket]).collect();
        // Without a sender left there is no caller left either.
        let Some(outbox) = self.outbox.upgrade() else { return };
        let charge = Charge {
            path: Arc::clone(&party.path),
            generation: cargo.in_force.generation(),
            debts: Arc::clone(&debts),
            cost: party.cost,
            epoch: reply.epoch,
            granted_at_us: reply.now_us,
            name: party.name.clone(),
            outbox,
        };
        party.grant(&Arc::new(charge), entry.granted, entry.over);
        if entry.granted >= cargo.batch.entries()[index].calls {
            return self.ask_again(party, &cargo.in_force);
        }
        let crowded =
            entry.by.filter(|_| entry.crowded).and_then(|by| path.iter().position(|&bucket| bucket == by));
        let told = Told {
            at: clock::now(),
            path: party.path,
            debts,
            cost: party.cost,
            crowded: crowded.map(|bucket| (bucket, Duration::from_micros(entry.wait_us))),
        };
        if Arc::ptr_eq(&cargo.in_force, &self.in_force) {
            self.waiting.park(party.line, party.requests, told);
        } else {
            self.waiting.dissolve(party.line, party.requests);
        }
    }

    fn land_settlements(&mut self, landed: Landed<Settlements>) {
        let Landed { lane, cargo, reply } = landed;
        self.settle_lane = Some(lane);
        let reply = reply.and_then(|reply| {
            cargo.batch.decode(&reply).map_err(|error| StoreError::answer(Script::SETTLE, &error))
        });
        let outcomes = match reply {
            Ok(Reply::Done(outcomes)) => outcomes.into_iter().map(Ok).collect(),
            // With the state the charges are lost too: there is nothing to correct.
            Ok(Reply::Lost | Reply::Stale { .. }) => vec![Ok(SettlementReply::Settled); cargo.requests.len()],
            Ok(Reply::Superseded) => vec![Err(StoreError::superseded(Script::SETTLE)); cargo.requests.len()],
            Err(error) => vec![Err(error); cargo.requests.len()],
        };
        for (request, outcome) in cargo.requests.into_iter().zip(outcomes) {
            if let Some(reply) = request.reply {
                let _ = reply.send(outcome.map_err(Error::Store));
            }
        }
    }

    fn land_upkeep(&mut self, result: Result<(), Error>) {
        let now = clock::now();
        match result {
            Ok(()) => self.upkeep = Upkeep::Idle { watch_at: now + WATCH_EVERY },
            Err(error) => {
                tracing::warn!(%error, "the policy can't be read from the store");
                let passing = matches!(&error, Error::Store(error) if error.is_unanswered());
                if matches!(self.upkeep, Upkeep::Renewing) && !passing {
                    self.waiting.fail_ready(&error);
                }
                self.upkeep = Upkeep::Failed { again_at: now + RENEW_AGAIN };
            }
        }
    }
}
