//! A fixed batch: so many calls of each organisation.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Counts the calls that are done, until every organisation has its batch. They go on after that.
#[derive(Debug)]
pub(crate) struct Batch {
    each: u64,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    done: Vec<u64>,
    /// Organisations that do not have theirs yet.
    open: usize,
    finished: Option<Duration>,
}

impl Batch {
    pub(crate) fn new(each: u64, orgs: usize) -> Self {
        Self { each, state: Mutex::new(State { done: vec![0; orgs], open: orgs, finished: None }) }
    }

    /// A call of this organisation is done, so long after the beginning.
    pub(crate) fn count(&self, org: usize, at: Duration) {
        let mut state = self.lock();
        state.done[org] += 1;
        if state.done[org] == self.each {
            state.open -= 1;
            if state.open == 0 {
                state.finished = Some(at);
            }
        }
    }

    /// How long after the beginning the last organisation had its batch.
    pub(crate) fn finished(&self) -> Option<Duration> {
        self.lock().finished
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_finished_when_the_last_organisation_has_its_calls() {
        let batch = Batch::new(2, 2);
        for (at, org) in [0, 0, 0, 1, 1, 1].into_iter().enumerate() {
            assert_eq!(batch.finished(), (at > 4).then_some(Duration::from_secs(4)));
            batch.count(org, Duration::from_secs(at as u64));
        }
    }
}
