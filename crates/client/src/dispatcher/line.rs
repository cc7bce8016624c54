//! A line of equal calls, and how many of them wait for a limit.

use std::collections::VecDeque;
use std::sync::Arc;

use super::party::Left;
use super::request::{LineKey, Request};
use super::told::Told;
use crate::clock::Instant;
use crate::engine::Ticket;
use crate::metrics::LimitMeter;

/// Most entries of the audit trail about the calls of a line in a batch. With each the server is busy for some ten microseconds.
const TOLD_MOST: usize = 100;

/// Equal calls, the longest waiting first.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) key: LineKey,
    pub(super) queue: VecDeque<Request>,
    /// Its places in the queues of the store, to be brought along or given up.
    pub(super) tickets: Vec<Ticket>,
    pub(super) state: LineState,
    /// How many callers have gone since it was parked.
    pub(super) gone: usize,
    /// Where its calls are counted as waiting, and how many of them.
    counted: Option<(Arc<LimitMeter>, u64)>,
}

#[derive(Debug)]
pub(super) enum LineState {
    /// To be asked for with the next batch.
    Ready,
    /// A batch with its calls is on its way.
    Asked,
    /// Told to come back; it is asked for again then.
    Parked { told: Told, due: Instant },
}

impl Line {
    /// An empty line, to be asked for.
    pub(super) fn new(key: LineKey) -> Self {
        let (queue, tickets) = (VecDeque::new(), Vec::new());
        Self { key, queue, tickets, state: LineState::Ready, gone: 0, counted: None }
    }

    /// Takes the calls that are to be asked for, but for those whose callers have gone. Where it is told of each what it is, and they
    /// are very different, the others stay.
    pub(super) fn take_requests(&mut self) -> Vec<Request> {
        let (mut taken, mut different) = (Vec::<Request>::new(), 0);
        while let Some(request) = self.queue.pop_front() {
            if request.is_abandoned() {
                continue;
            }
            let record = request.line.path.record();
            let is_other =
                record.is_some() && taken.last().is_none_or(|last| last.line.path.record() != record);
            if is_other && different == TOLD_MOST {
                self.queue.push_front(request);
                break;
            }
            different += usize::from(is_other);
            taken.push(request);
        }
        taken
    }

    /// Its calls wait as the store told. Returns when it is asked for again.
    pub(super) fn park(&mut self, told: Told) -> Instant {
        let due = self.queue.iter().map(|request| told.asks_by(request.patience)).min();
        let due = due.unwrap_or(told.at);
        let held_by = Some(told.by);
        self.queue.iter_mut().for_each(|request| request.held_by = held_by);
        self.gone = 0;
        self.state = LineState::Parked { told, due };
        self.count_waiting();
        due
    }

    /// Puts calls back to its head.
    pub(super) fn put_back(&mut self, left: Left) {
        for request in left.requests.into_iter().rev() {
            self.queue.push_front(request);
        }
        self.tickets = left.tickets;
    }

    /// Has the limit that its calls wait for count them, now that they have come to wait, or do so no more, or are others.
    pub(super) fn count_waiting(&mut self) {
        let told = match &self.state {
            LineState::Parked { told, .. } => told.meter(),
            LineState::Ready | LineState::Asked => None,
        };
        let counted = told.map(|meter| (Arc::clone(meter), self.queue.len() as u64));
        count_no_more(std::mem::replace(&mut self.counted, counted));
        if let Some((meter, calls)) = &self.counted {
            meter.waiting_calls.replace(0, *calls);
        }
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        count_no_more(self.counted.take());
    }
}

fn count_no_more(counted: Option<(Arc<LimitMeter>, u64)>) {
    if let Some((meter, calls)) = counted {
        meter.waiting_calls.replace(calls, 0);
    }
}

/// Refuses the calls that can't be granted as long as they can wait, and forgets those whose callers have gone.
pub(super) fn refuse_hopeless(queue: &mut VecDeque<Request>, told: &Told, now: Instant) {
    let mut ahead = 0;
    for request in std::mem::take(queue) {
        if request.is_abandoned() {
            continue;
        }
        if told.is_hopeless(request.patience, ahead, now) {
            request.answer(Ok(told.refusal(ahead, now)));
        } else {
            queue.push_back(request);
            ahead += 1;
        }
    }
}
