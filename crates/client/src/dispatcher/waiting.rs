//! The calls that wait in this process: equal calls stand in one line, lines are asked for in the order they became due.
//!
//! Everything about who waits for what is in this module, so that fairness across replicas can take its place.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use slab::Slab;

use super::grant::{Charge, Grant};
use super::request::{Answer, Patience, Request};
use super::told::Told;
use crate::clock::{self, Instant};
use crate::error::Error;
use crate::hashed::QuickMap;
use crate::policy::Path;
use crate::store::StoreError;

/// Names a line; valid until the line is empty.
pub(super) type LineId = usize;

/// What makes calls equal: they pass the same buckets at the same cost.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct LineKey {
    /// Which policy the path is of: limits and terms differ between two.
    generation: u64,
    path: Arc<Path>,
    cost: u32,
    /// Calls that want to be told at once do not stand behind those that wait.
    waits: bool,
    /// Calls with a name stand with those of the same name: all of them are one call.
    name: Option<Box<str>>,
}

/// Equal calls, the longest waiting first.
#[derive(Debug)]
struct Line {
    key: LineKey,
    queue: VecDeque<Request>,
    state: LineState,
}

#[derive(Debug)]
enum LineState {
    /// To be asked for with the next batch.
    Ready,
    /// A batch with its calls is on its way.
    Asked,
    /// Told to come back.
    Parked { told: Told },
}

/// All lines of a process.
#[derive(Debug)]
pub(super) struct Waiting {
    /// Longest that a call waits to be asked for, or for an answer.
    patience: Duration,
    /// No call that is neither parked nor on its way waits for longer than its patience before then.
    expiry: Option<Instant>,
    lines: Slab<Line>,
    /// Their paths bring along a hash that callers can't foresee.
    index: QuickMap<LineKey, LineId>,
    ready: VecDeque<LineId>,
    parked: BTreeSet<(Instant, LineId)>,
}

/// The calls of one line that go to the store together.
#[derive(Debug)]
pub(super) struct Party {
    pub(super) line: LineId,
    pub(super) path: Arc<Path>,
    pub(super) cost: u32,
    pub(super) name: Option<Box<str>>,
    pub(super) requests: Vec<Request>,
}

impl Party {
    /// How many calls there are to charge: all that bear one name are one.
    pub(super) fn calls(&self) -> u32 {
        let callers = self.callers();
        if self.name.is_some() { callers.min(1) } else { callers }
    }

    fn callers(&self) -> u32 {
        u32::try_from(self.requests.len()).unwrap_or(u32::MAX)
    }

    /// Hands out what was granted, the last `over` of it against the will of an observed limit, to the callers who wait
    /// longest. More grants than callers - some have gone while the answer was lost - are given back by their drop.
    pub(super) fn grant(&mut self, charge: &Arc<Charge>, granted: u32, over: u32) {
        // All calls of one name are one call: each of its callers has the grant.
        let granted = if self.name.is_some() && granted > 0 { self.callers() } else { granted };
        let mut requests =
            std::mem::take(&mut self.requests).into_iter().filter(|request| !request.is_abandoned());
        for number in 0..granted {
            let grant = Grant::new(Arc::clone(charge), number >= granted.saturating_sub(over));
            if let Some(request) = requests.next() {
                request.answer(Ok(Answer::Granted(grant)));
            }
        }
        self.requests = requests.collect();
    }
}

impl Waiting {
    /// No lines yet. Calls that are not parked wait for `patience` at most.
    pub(super) fn new(patience: Duration) -> Self {
        Self {
            patience,
            expiry: None,
            lines: Slab::new(),
            index: QuickMap::default(),
            ready: VecDeque::new(),
            parked: BTreeSet::new(),
        }
    }

    /// Puts a call at the end of its line. One that can't be granted as long as it can wait is refused at once.
    pub(super) fn join(&mut self, request: Request) {
        let key = LineKey {
            generation: request.generation,
            path: Arc::clone(&request.path),
            cost: request.cost,
            waits: request.patience != Patience::None,
            name: request.name.clone(),
        };
        let id = match self.index.get(&key) {
            Some(&id) => id,
            None => self.open(key),
        };
        self.hurry(request.queued_at);
        let line = &mut self.lines[id];
        line.queue.push_back(request);
        if let LineState::Parked { told } = &line.state {
            refuse_hopeless(&mut line.queue, told, clock::now());
        }
    }

    fn open(&mut self, key: LineKey) -> LineId {
        let id =
            self.lines.insert(Line { key: key.clone(), queue: VecDeque::new(), state: LineState::Ready });
        self.index.insert(key, id);
        self.ready.push_back(id);
        id
    }

    /// Takes the calls of the next line to ask for. Callers who have gone are left out.
    pub(super) fn next_party(&mut self) -> Option<Party> {
        while let Some(id) = self.ready.pop_front() {
            let line = &mut self.lines[id];
            let requests: Vec<_> = line.queue.drain(..).filter(|request| !request.is_abandoned()).collect();
            if requests.is_empty() {
                self.close(id);
                continue;
            }
            line.state = LineState::Asked;
            let LineKey { path, cost, name, .. } = line.key.clone();
            return Some(Party { line: id, path, cost, name, requests });
        }
        None
    }

    /// The calls of a line have their answers; those `left` go back to its head, to wait as the store told.
    pub(super) fn park(&mut self, id: LineId, left: Vec<Request>, told: Told) {
        let line = &mut self.lines[id];
        line.put_back(left);
        refuse_hopeless(&mut line.queue, &told, told.at);
        if line.queue.is_empty() {
            return self.close(id);
        }
        let due = told.due(0);
        line.state = LineState::Parked { told };
        self.parked.insert((due, id));
    }

    /// The calls of a line were granted, or could not be asked for; whoever is `left` or came meanwhile is asked for next.
    pub(super) fn release(&mut self, id: LineId, left: Vec<Request>) {
        let line = &mut self.lines[id];
        line.put_back(left);
        let Some(first) = line.queue.front() else { return self.close(id) };
        let queued_at = first.queued_at;
        line.state = LineState::Ready;
        self.ready.push_back(id);
        self.hurry(queued_at);
    }

    /// Makes the lines ready whose time has come.
    pub(super) fn wake(&mut self, now: Instant) {
        while let Some(&(due, id)) = self.parked.first() {
            if due > now {
                return;
            }
            self.parked.pop_first();
            self.make_ready(id, now);
        }
    }

    fn make_ready(&mut self, id: LineId, now: Instant) {
        let line = &mut self.lines[id];
        line.state = LineState::Ready;
        for request in &mut line.queue {
            request.queued_at = now;
        }
        self.ready.push_back(id);
        self.hurry(now);
    }

    /// Ends a line whose calls came back after another policy had come into force.
    pub(super) fn dissolve(&mut self, id: LineId, left: Vec<Request>) {
        left.into_iter()
            .chain(self.lines[id].queue.drain(..))
            .for_each(|request| request.answer(Ok(Answer::Outdated)));
        self.close(id);
    }

    /// Ends all lines but those whose calls are on their way: another policy has come into force.
    pub(super) fn outdate(&mut self) {
        let parked = std::mem::take(&mut self.parked).into_iter().map(|(_, id)| id);
        let idle: Vec<_> = self.ready.drain(..).chain(parked).collect();
        for id in idle {
            self.dissolve(id, Vec::new());
        }
    }

    /// Fails the calls whose patience is at its end, though they are not parked: the store does not keep up, or stands still
    /// with a batch that their line waits for.
    pub(super) fn expire(&mut self, now: Instant) {
        if self.expiry.is_none_or(|expiry| expiry > now) {
            return;
        }
        let patience = self.patience;
        let mut first = None;
        for (_, line) in &mut self.lines {
            if matches!(line.state, LineState::Parked { .. }) {
                continue;
            }
            while line.queue.front().is_some_and(|request| request.queued_at + patience <= now) {
                let Some(request) = line.queue.pop_front() else { break };
                request.answer(Err(Error::Store(StoreError::Timeout { after: patience })));
            }
            let queued_at = line.queue.front().map(|request| request.queued_at);
            first = [first, queued_at].into_iter().flatten().min();
        }
        self.expiry = first.map(|queued_at| queued_at + patience);
    }

    /// Notes that a call stands in line since `queued_at` without being parked.
    fn hurry(&mut self, queued_at: Instant) {
        let expiry = queued_at + self.patience;
        self.expiry = Some(self.expiry.map_or(expiry, |earlier| earlier.min(expiry)));
    }

    /// Fails the calls that stand ready.
    pub(super) fn fail_ready(&mut self, error: &Error) {
        for id in std::mem::take(&mut self.ready) {
            for request in self.lines[id].queue.drain(..) {
                request.answer(Err(error.clone()));
            }
            self.close(id);
        }
    }

    fn close(&mut self, id: LineId) {
        let line = self.lines.remove(id);
        self.index.remove(&line.key);
    }

    /// When the next call may lose its patience.
    pub(super) fn next_expiry(&self) -> Option<Instant> {
        self.expiry
    }

    /// Whether a line is to be asked for.
    pub(super) fn has_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// When the next line is due.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.parked.first().map(|&(due, _)| due)
    }
}

impl Line {
    fn put_back(&mut self, left: Vec<Request>) {
        for request in left.into_iter().rev() {
            self.queue.push_front(request);
        }
    }
}

/// Refuses the calls that can't be granted as long as they can wait, and forgets those whose callers have gone.
fn refuse_hopeless(queue: &mut VecDeque<Request>, told: &Told, now: Instant) {
    let mut ahead = 0;
    for request in std::mem::take(queue) {
        if request.is_abandoned() {
            continue;
        }
        if request.patience.ends_before(told.due(ahead)) {
            request.answer(Ok(Answer::Refused(told.refusal(ahead, now))));
        } else {
            queue.push_back(request);
            ahead += 1;
        }
    }
}
