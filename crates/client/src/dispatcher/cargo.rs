//! What flights carry: calls to be charged, and corrections of what was charged.

use std::sync::Arc;

use super::flight::Cargo;
use super::notice::SettleRequest;
use super::party::Party;
use super::request::Request;
use crate::clock::Instant;
use crate::engine::{AcquireBatch, BatchId, Keys, Repeated, Script, SettleBatch};
use crate::error::Error;
use crate::in_force::InForce;
use crate::store::StoreError;

/// Calls to be charged.
#[derive(Debug)]
pub(super) struct Acquires {
    pub(super) batch: AcquireBatch,
    /// For each entry of the batch the calls that it stands for.
    pub(super) parties: Vec<Party>,
    /// Entries of the audit trail about them, if all are granted.
    pub(super) told: usize,
    /// The policy by which their paths were found.
    pub(super) in_force: Arc<InForce>,
    /// The end of a pause that was heard of last before they were sent, in microseconds.
    pub(super) eased_us: u64,
}

impl Acquires {
    pub(super) fn new(in_force: Arc<InForce>, eased_us: u64) -> Self {
        Self { batch: AcquireBatch::default(), parties: Vec::new(), told: 0, in_force, eased_us }
    }

    pub(super) fn push(&mut self, party: Party, now: Instant) {
        let calls = party.calls(now);
        if party.is_told() {
            let entry = self.batch.push_told(&party.path, calls, party.paths());
            self.told += self.batch.entries()[entry].told();
        } else {
            self.batch.push(&party.path, calls);
        }
        self.parties.push(party);
    }
}

impl Acquires {
    /// How many calls there are to charge.
    pub(super) fn calls(&self) -> u64 {
        self.parties.iter().map(|party| u64::from(party.count())).sum()
    }

    /// Since when the call waits for this batch that has waited longest; `None` if there is no call.
    pub(super) fn waiting_since(&self) -> Option<Instant> {
        self.parties.iter().flat_map(|party| &party.requests).map(|request| request.queued_at).min()
    }
}

impl Cargo for Acquires {
    const SCRIPT: &'static Script = Script::ACQUIRE;

    fn keys<'k>(&self, keys: &'k Keys) -> Vec<&'k str> {
        self.batch.keys(keys)
    }

    fn encode(&self, id: &BatchId<'_>, repeated: Repeated) -> Vec<u8> {
        self.batch.encode(id, repeated, &self.in_force.policy, self.in_force.fence())
    }

    fn fail(&mut self, error: &StoreError) {
        for request in self.parties.iter_mut().flat_map(|party| party.requests.drain(..)) {
            request.answer(Err(Error::Store(error.clone())));
        }
    }

    fn trim(&mut self, repeated: Repeated) -> bool {
        let mut wanted = false;
        for (entry, party) in self.parties.iter_mut().enumerate() {
            let all_gone = party.requests.iter().all(Request::is_abandoned);
            // What is told of calls goes by their places, and may have been told.
            if all_gone || !party.is_told() {
                party.requests.retain(|request| !request.is_abandoned());
                self.batch.ask_for_fewer(entry, party.count(), repeated);
            }
            wanted |= !all_gone;
        }
        wanted
    }
}

/// Corrections of what was charged.
#[derive(Debug)]
pub(super) struct Settlements {
    pub(super) batch: SettleBatch,
    pub(super) requests: Vec<SettleRequest>,
    /// The policy by whose terms they are made.
    in_force: Arc<InForce>,
}

impl Settlements {
    pub(super) fn new(in_force: Arc<InForce>, requests: Vec<SettleRequest>) -> Self {
        let mut batch = SettleBatch::default();
        for request in &requests {
            let given_back = request.given_back_under(&in_force);
            let given_back = given_back.iter().map(|(bucket, tokens)| (&**bucket, *tokens));
            let leases = request.leases_under(&in_force);
            let leases = leases.iter().map(|(bucket, id)| (&**bucket, *id));
            batch.push_with_leases(given_back, leases, request.settlement.clone());
        }
        Self { batch, requests, in_force }
    }
}

impl Cargo for Settlements {
    const SCRIPT: &'static Script = Script::SETTLE;

    fn keys<'k>(&self, keys: &'k Keys) -> Vec<&'k str> {
        keys.of_script(Self::SCRIPT.name())
    }

    fn encode(&self, id: &BatchId<'_>, _: Repeated) -> Vec<u8> {
        self.batch.encode(id, &self.in_force.policy)
    }

    fn fail(&mut self, error: &StoreError) {
        for reply in self.requests.iter_mut().filter_map(|request| request.reply.take()) {
            let _ = reply.send(Err(Error::Store(error.clone())));
        }
    }

    /// A correction is made whether or not anybody waits for it.
    fn trim(&mut self, _: Repeated) -> bool {
        true
    }
}
