//! What became of the calls that were asked for, whichever limits they pass.

use std::time::Duration;

use tracing::Span;

use super::counter::Counter;
use super::histogram::{Histogram, WAITS};
use crate::call::Priority;
use crate::decision::Decision;
use crate::error::Error;

/// Counts how asking for a permit ended, and how long it took where one was granted.
#[derive(Debug)]
pub(crate) struct Acquires {
    ended: [Counter; Outcome::ALL.len()],
    waited: [Histogram; PRIORITIES.len()],
}

/// How asking for a permit ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// With a permit, after the limits on its path were charged.
    Granted,
    /// With a permit, because no limit applies to the call.
    Free,
    /// With the time at which to come back.
    Refused,
    /// The caller did not wait for the end.
    Dropped,
    /// Too many waited already.
    TooManyWaiting,
    /// The call can't be decided on as it is.
    Invalid,
    /// The store did not answer, or is not fit.
    Store,
    /// For another reason.
    Failed,
}

pub(crate) const PRIORITIES: [(Priority, &str); 3] =
    [(Priority::Interactive, "interactive"), (Priority::Normal, "normal"), (Priority::Batch, "batch")];

impl Outcome {
    pub(crate) const ALL: [Self; 8] = [
        Self::Granted,
        Self::Free,
        Self::Refused,
        Self::Dropped,
        Self::TooManyWaiting,
        Self::Invalid,
        Self::Store,
        Self::Failed,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Granted => "granted",
            Self::Free => "free",
            Self::Refused => "refused",
            Self::Dropped => "dropped",
            Self::TooManyWaiting => "too_many_waiting",
            Self::Invalid => "invalid",
            Self::Store => "store",
            Self::Failed => "failed",
        }
    }

    fn of(result: &Result<Decision, Error>) -> Self {
        match result {
            Ok(Decision::Granted(permit)) if permit.charge().path.buckets().is_empty() => Self::Free,
            Ok(Decision::Granted(_)) => Self::Granted,
            Ok(Decision::Refused(_)) | Err(Error::Refused(_)) => Self::Refused,
            Err(Error::TooManyWaiting { .. }) => Self::TooManyWaiting,
            Err(Error::Call(_)) => Self::Invalid,
            Err(Error::Store(_)) => Self::Store,
            Err(_) => Self::Failed,
        }
    }
}

fn place_of(priority: Priority) -> usize {
    match priority {
        Priority::Interactive => 0,
        Priority::Normal => 1,
        Priority::Batch => 2,
    }
}

impl Default for Acquires {
    fn default() -> Self {
        let ended = Outcome::ALL.map(|_| Counter::default());
        Self { ended, waited: PRIORITIES.map(|_| Histogram::new(&WAITS)) }
    }
}

impl Acquires {
    pub(crate) fn ended(&self) -> impl Iterator<Item = (&'static str, u64)> {
        Outcome::ALL.iter().zip(&self.ended).map(|(outcome, count)| (outcome.name(), count.get()))
    }

    pub(crate) fn waited(&self) -> impl Iterator<Item = (&'static str, &Histogram)> {
        PRIORITIES.iter().zip(&self.waited).map(|((_, name), histogram)| (*name, histogram))
    }

    fn end(&self, outcome: Outcome) {
        if let Some(counter) = self.ended.get(outcome as usize) {
            counter.add(1);
        }
    }
}

/// One call that is being asked for. Dropped before the end it counts as given up.
#[derive(Debug)]
pub(crate) struct Asking<'a> {
    acquires: &'a Acquires,
    priority: Priority,
    span: Span,
    is_over: bool,
}

impl<'a> Asking<'a> {
    pub(crate) fn begin(acquires: &'a Acquires, priority: Priority, span: Span) -> Self {
        Self { acquires, priority, span, is_over: false }
    }

    /// The caller has the answer.
    pub(crate) fn end(mut self, result: &Result<Decision, Error>) {
        self.is_over = true;
        let outcome = Outcome::of(result);
        self.acquires.end(outcome);
        if let Ok(Decision::Granted(permit)) = result {
            let waited: Duration = permit.waited();
            if outcome == Outcome::Granted {
                self.acquires.waited[place_of(self.priority)].observe_duration(waited);
            }
            self.span.record("waited_us", u64::try_from(waited.as_micros()).unwrap_or(u64::MAX));
        }
        self.span.record("outcome", outcome.name());
    }
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        if !self.is_over {
            self.acquires.end(Outcome::Dropped);
            self.span.record("outcome", Outcome::Dropped.name());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcomes_and_priorities_stand_where_they_are_looked_for() {
        for (place, outcome) in Outcome::ALL.into_iter().enumerate() {
            assert_eq!(outcome as usize, place);
        }
        for (place, (priority, _)) in PRIORITIES.into_iter().enumerate() {
            assert_eq!(place_of(priority), place);
        }
    }
}
