//! The calls of one line on their way to the store and back.

use std::sync::Arc;

use super::grant::{Charge, Grant};
use super::request::{Answer, Request};
use super::waiting::LineId;
use crate::clock::Instant;
use crate::engine::{Calls, Ticket};
use crate::policy::Path;

/// Longest patience that is told apart: the scripts count to 2^53, and nobody waits for it.
const PATIENCE_MOST_US: u64 = 1 << 52;

/// The calls of one line that go to the store together.
#[derive(Debug)]
pub(super) struct Party {
    pub(super) line: LineId,
    pub(super) path: Arc<Path>,
    pub(super) name: Option<Box<str>>,
    pub(super) requests: Vec<Request>,
    pub(super) tickets: Vec<Ticket>,
}

/// What is left of a party that has come back.
#[derive(Debug)]
pub(super) struct Left {
    pub(super) requests: Vec<Request>,
    pub(super) tickets: Vec<Ticket>,
}

impl Party {
    /// How many calls there are to charge: all that bear one name are one.
    pub(super) fn count(&self) -> u32 {
        let callers = self.callers();
        if self.name.is_some() { callers.min(1) } else { callers }
    }

    /// What the store is asked.
    pub(super) fn calls(&self, now: Instant) -> Calls {
        Calls {
            permit: self.name.clone(),
            count: self.count(),
            patience_us: self.patience_us(now),
            tickets: self.tickets.clone(),
        }
    }

    /// How long the most patient of them would wait.
    fn patience_us(&self, now: Instant) -> u64 {
        let waits = self.requests.iter().map(|request| request.patience.lasts(now));
        waits
            .max()
            .map_or(0, |wait| u64::try_from(wait.as_micros()).unwrap_or(u64::MAX).min(PATIENCE_MOST_US))
    }

    /// Whether what is granted of it is told one by one in the audit trail.
    pub(super) fn is_told(&self) -> bool {
        self.path.record().is_some()
    }

    /// The path of each call, in their order: what is told of them may differ.
    pub(super) fn paths(&self) -> impl Iterator<Item = &Path> {
        self.requests.iter().map(|request| &*request.line.path)
    }

    pub(super) fn left(self) -> Left {
        Left { requests: self.requests, tickets: self.tickets }
    }

    fn callers(&self) -> u32 {
        u32::try_from(self.requests.len()).unwrap_or(u32::MAX)
    }

    /// What was granted, the last `over` of it against the will of an observed limit.
    pub(super) fn grants(&self, charge: &Arc<Charge>, granted: u32, over: u32) -> Vec<Grant> {
        let grant = |number, is_over| Grant::new(Arc::clone(charge), number, is_over);
        if self.name.is_none() {
            return (0..granted)
                .map(|number| grant(number, number >= granted.saturating_sub(over)))
                .collect();
        }
        // All calls of one name are one call: each of its callers has the grant. Where all have gone its drop sees to
        // the rest.
        let callers = if granted > 0 { self.callers().max(1) } else { 0 };
        (0..callers).map(|_| grant(0, over > 0)).collect()
    }

    /// Gives grants to the callers who wait longest. More grants than callers - some have gone while the answer was
    /// lost - are given back by their drop, and so are those of callers who have gone where it is told of each call
    /// that it was granted.
    pub(super) fn hand_out(&mut self, grants: Vec<Grant>) {
        let is_told = self.is_told();
        let requests = std::mem::take(&mut self.requests).into_iter();
        let mut requests = requests.filter(|request| is_told || !request.is_abandoned());
        for grant in grants {
            if let Some(request) = requests.next() {
                let held_by = request.held_by;
                request.answer(Ok(Answer::Granted(grant, held_by)));
            }
        }
        self.requests = requests.filter(|request| !request.is_abandoned()).collect();
    }
}
