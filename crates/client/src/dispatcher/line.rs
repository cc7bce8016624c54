//! A line of equal calls, and how many of them wait for a limit.

use std::collections::VecDeque;
use std::sync::Arc;

use super::TOLD_MOST;
use super::party::Left;
use super::request::{LineKey, Request};
use super::told::Told;
use crate::clock::Instant;
use crate::engine::Ticket;
use crate::metrics::LimitMeter;

/// As many entries of the audit trail are about the calls of a line that has come back with fewer tickets: it is mostly
/// granted what its tickets are worth, and what goes along about the others goes in vain.
const TOLD_AGAIN: usize = 100;

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

    /// Takes the calls that are to be asked for, but for those whose callers have gone. Where it is told of each what
    /// it is, and they are very different, the others stay.
    pub(super) fn take_requests(&mut self) -> Vec<Request> {
        // A ticket without a call would be given up.
        let most = if self.tickets.is_empty() { TOLD_MOST } else { self.tickets.len().max(TOLD_AGAIN) };
        let (mut taken, mut different) = (Vec::<Request>::new(), 0);
        while let Some(request) = self.queue.pop_front() {
            if request.is_abandoned() {
                continue;
            }
            let record = request.line.path.record();
            let is_other =
                record.is_some() && taken.last().is_none_or(|last| last.line.path.record() != record);
            if is_other && different == most {
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

    /// Has the limit that its calls wait for count them, now that they have come to wait, or do so no more, or are
    /// others.
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

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test ends where what it relies on is not so")]
mod tests {
    use super::*;
    use crate::call::Call;
    use crate::dispatcher::Patience;
    use crate::policy::Policy;

    /// How many of 2,000 calls go with a batch, where `recorded` are told one by one and the line has so many tickets:
    /// calls of as many routes in a row as there are `routes`, and so on.
    fn taken(recorded: &str, tickets: u64, routes: usize) -> usize {
        let document = format!(
            "namespace = 'test'\nrecord_calls = ['{recorded}']\n[[limit]]\nname = 'org'\nper = ['org']\nrate = '1/s'"
        );
        let policy = Policy::from_toml(&document).unwrap();
        let path = |number: usize| {
            let call = Call::get(format!("/jobs/{}", number % routes)).org("acme");
            Arc::new(policy.path(&call).unwrap())
        };
        let key = |number| LineKey { generation: 1, path: path(number), waits: true, name: None };
        let mut line = Line::new(key(0));
        line.tickets = (1..=tickets).map(|tag| Ticket { place: 1, period: 1, tag }).collect();
        let mut answers = Vec::new();
        for number in 0..2_000 {
            let (reply, answer) = tokio::sync::oneshot::channel();
            answers.push(answer);
            line.queue.push_back(Request {
                line: key(number),
                patience: Patience::Endless,
                queued_at: crate::clock::now(),
                reply,
                place: None,
                held_by: None,
            });
        }
        let taken = line.take_requests();
        assert_eq!(taken.len() + line.queue.len(), 2_000);
        let number = |request: &Request| request.line.path.record().map(|record| record.route.clone());
        assert!(line.queue.front().is_none_or(|next| number(next) != number(taken.last().unwrap())));
        taken.len()
    }

    /// Goal: what a batch tells of a line has a bound, no ticket is left without a call for it, and calls that are not
    /// told all go.
    #[test]
    fn no_more_calls_are_told_than_are_likely_to_be_granted() {
        assert_eq!(taken("acme", 0, 2_000), TOLD_MOST);
        assert_eq!(taken("acme", 1, 2_000), TOLD_AGAIN);
        assert_eq!(taken("acme", 300, 2_000), 300);
        assert_eq!(taken("acme", 1, 1), 2_000, "equal calls are told as one");
        assert_eq!(taken("globex", 1, 2_000), 2_000);
    }
}
