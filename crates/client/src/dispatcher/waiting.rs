//! The calls that wait in this process: equal calls stand in one line, lines are asked for in the order they became
//! due.
//!
//! Whose turn it is among the lines of all processes is for the store to say; here each line keeps the tickets that it
//! was given.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use slab::Slab;

use super::line::{Line, LineState, refuse_hopeless};
use super::party::{Left, Party};
use super::request::{Answer, LineKey, Request};
use super::told::Told;
use crate::clock::{self, Instant};
use crate::error::Error;
use crate::hashed::QuickMap;
use crate::policy::{Bucket, HashedName};
use crate::store::StoreError;

/// A parked line is gone through when one call in so many may have been given up.
const GONE_PART: usize = 8;

/// Names a line; valid until the line is empty.
pub(super) type LineId = usize;

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
    /// Most calls of a flow that wait.
    most: usize,
    /// Of each flow the place that its waiting calls share: as often as it is held, so many wait.
    flows: QuickMap<HashedName, Arc<()>>,
}

impl Waiting {
    /// No lines yet. Calls that are not parked wait for `patience` at most, and no more than `most` of a flow wait.
    pub(super) fn new(patience: Duration, most: usize) -> Self {
        Self {
            patience,
            expiry: None,
            lines: Slab::new(),
            index: QuickMap::default(),
            ready: VecDeque::new(),
            parked: BTreeSet::new(),
            most,
            flows: QuickMap::default(),
        }
    }

    /// Puts a call at the end of its line. One that can't be granted as long as it can wait is refused at once, and so
    /// is one that is more than may wait.
    pub(super) fn join(&mut self, mut request: Request) {
        // It has left before it came.
        if request.is_abandoned() {
            return;
        }
        if request.line.waits
            && let Err(error) = self.take_place(&mut request)
        {
            return request.answer(Err(error));
        }
        let id = match self.index.get(&request.line) {
            Some(&id) => id,
            None => self.open(request.line.clone()),
        };
        self.hurry(request.queued_at);
        let line = &mut self.lines[id];
        let patience = request.patience;
        line.queue.push_back(request);
        if let LineState::Parked { told, due } = &mut line.state {
            refuse_hopeless(&mut line.queue, told, clock::now());
            let sooner = told.asks_by(patience);
            if sooner < *due {
                self.parked.remove(&(*due, id));
                self.parked.insert((sooner, id));
                *due = sooner;
            }
            line.count_waiting();
        }
    }

    fn take_place(&mut self, request: &mut Request) -> Result<(), Error> {
        let flow = request.line.path.flow_name();
        let place = self.flows.entry(flow).or_default();
        let waiting = Arc::strong_count(place) - 1;
        if waiting >= self.most {
            let flow = request.line.path.flow().to_owned();
            return Err(Error::TooManyWaiting { flow, waiting, most: self.most });
        }
        request.place = Some(Arc::clone(place));
        Ok(())
    }

    fn open(&mut self, key: LineKey) -> LineId {
        let id = self.lines.insert(Line::new(key.clone()));
        self.index.insert(key, id);
        self.ready.push_back(id);
        id
    }

    /// Takes the calls of the next line to ask for. Callers who have gone are left out; if all have, their tickets are
    /// given up.
    pub(super) fn next_party(&mut self) -> Option<Party> {
        while let Some(id) = self.ready.pop_front() {
            let line = &mut self.lines[id];
            let requests = line.take_requests();
            let tickets = std::mem::take(&mut line.tickets);
            if requests.is_empty() && tickets.is_empty() {
                self.close(id);
                continue;
            }
            line.state = LineState::Asked;
            line.count_waiting();
            let LineKey { path, name, .. } = line.key.clone();
            return Some(Party { line: id, path, name, requests, tickets });
        }
        None
    }

    /// The calls of a line have their answers; those `left` go back to its head, to wait as the store told.
    pub(super) fn park(&mut self, id: LineId, left: Left, told: Told) {
        let line = &mut self.lines[id];
        line.put_back(left);
        refuse_hopeless(&mut line.queue, &told, told.at);
        if line.queue.is_empty() {
            return self.end(id);
        }
        let due = line.park(told);
        self.parked.insert((due, id));
    }

    /// The calls of a line were granted, or could not be asked for; whoever is `left` or came meanwhile is asked for
    /// next.
    pub(super) fn release(&mut self, id: LineId, left: Left) {
        let line = &mut self.lines[id];
        line.put_back(left);
        let Some(first) = line.queue.front() else { return self.end(id) };
        let queued_at = first.queued_at;
        line.state = LineState::Ready;
        self.ready.push_back(id);
        self.hurry(queued_at);
    }

    /// The store has answered calls of a line that were asked for before the others, because there are so many to be
    /// told one by one: those are asked for next, and do not wait for a store that does not keep up.
    pub(super) fn goes_on(&mut self, id: LineId) {
        let now = clock::now();
        for request in &mut self.lines[id].queue {
            request.queued_at = now;
        }
    }

    /// Nobody is left in a line: its tickets are given up with the next batch.
    fn end(&mut self, id: LineId) {
        let line = &mut self.lines[id];
        if line.tickets.is_empty() {
            return self.close(id);
        }
        line.state = LineState::Ready;
        self.ready.push_back(id);
    }

    /// Somebody in a line waits no more. A parked one is ended once all have gone; any other is gone through soon in
    /// any case.
    pub(super) fn forget_gone(&mut self, key: &LineKey) {
        let Some(&id) = self.index.get(key) else { return };
        let line = &mut self.lines[id];
        let LineState::Parked { due, .. } = line.state else { return };
        line.gone += 1;
        if line.gone * GONE_PART < line.queue.len() {
            return;
        }
        line.gone = 0;
        line.queue.retain(|request| !request.is_abandoned());
        line.count_waiting();
        if line.queue.is_empty() {
            self.parked.remove(&(due, id));
            self.end(id);
        }
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

    /// Makes all lines ready, whatever they were told.
    pub(super) fn wake_all(&mut self, now: Instant) {
        while let Some((_, id)) = self.parked.pop_first() {
            self.make_ready(id, now);
        }
    }

    /// A call at a bucket is over: makes those lines ready that wait for that.
    pub(super) fn look_again(&mut self, bucket: &Bucket) {
        let now = clock::now();
        let lines = &self.lines;
        let waits = |&&(_, id): &&(Instant, LineId)| match &lines[id].state {
            LineState::Parked { told, .. } => told.bucket().name() == bucket.name(),
            _ => false,
        };
        let woken: Vec<_> = self.parked.iter().filter(waits).copied().collect();
        for parked in woken {
            self.parked.remove(&parked);
            self.make_ready(parked.1, now);
        }
    }

    fn make_ready(&mut self, id: LineId, now: Instant) {
        let line = &mut self.lines[id];
        line.state = LineState::Ready;
        line.count_waiting();
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

    /// Fails the calls whose patience is at its end, though they are not parked: the store does not keep up, or stands
    /// still with a batch that their line waits for.
    pub(super) fn expire(&mut self, now: Instant) {
        let Some(expiry) = self.expiry.filter(|expiry| *expiry <= now) else { return };
        if let Some(later) = clock::respite(expiry, now) {
            self.expiry = Some(later);
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
                let after = now.saturating_duration_since(request.queued_at);
                request.answer(Err(Error::Store(StoreError::Timeout { after })));
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
        let flow = line.key.path.flow_name();
        drop(line);
        if self.flows.get(&flow).is_some_and(|place| Arc::strong_count(place) == 1) {
            self.flows.remove(&flow);
        }
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

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test ends where what it relies on is not so")]
mod tests {
    use super::*;
    use crate::call::Call;
    use crate::dispatcher::request::Patience;
    use crate::policy::Policy;
    use tokio::sync::oneshot;

    /// Goal: no call is failed because its process stood still. Method: a call stands behind a batch that is on its way
    /// when the process stops for far longer than the call's patience; when it goes on, the answer of the batch lies
    /// there unread. Only if nothing comes then either the call is failed.
    #[tokio::test(start_paused = true)]
    async fn a_call_is_not_failed_for_a_standstill_of_its_process() {
        let patience = Duration::from_millis(500);
        let policy = "namespace = 'test'\n[[limit]]\nname = 'org'\nper = ['org']\nrate = '1/s'";
        let path = Arc::new(Policy::from_toml(policy).unwrap().path(&Call::get("/").org("acme")).unwrap());
        let mut waiting = Waiting::new(patience, 10);
        let join = |waiting: &mut Waiting| {
            let (reply, answer) = oneshot::channel();
            let line = LineKey { generation: 1, path: Arc::clone(&path), waits: true, name: None };
            let (patience, queued_at) = (Patience::Endless, clock::now());
            waiting.join(Request { line, patience, queued_at, reply, place: None, held_by: None });
            answer
        };
        let _asked = join(&mut waiting);
        let _on_its_way = waiting.next_party().unwrap();
        let mut behind = join(&mut waiting);

        tokio::time::advance(Duration::from_secs(4)).await;
        waiting.expire(clock::now());
        assert!(behind.try_recv().is_err(), "it still waits");
        let later = waiting.next_expiry().unwrap();
        assert!(later > clock::now() && later < clock::now() + patience);
        waiting.expire(later);
        assert!(matches!(behind.try_recv(), Ok(Err(Error::Store(StoreError::Timeout { .. })))));
    }
}
