//! Other consumers: calls that nobody in front of the limiter sends, and that use up the same limits.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

use crate::arrival::Arrival;
use crate::config::{BackgroundLoad, Process};
use crate::random::{Random, Seed};
use crate::time::Time;

/// The streams of such calls, merged in the order of their time.
#[derive(Debug)]
pub(crate) struct Background {
    streams: Vec<Stream>,
    /// When each stream has its next call.
    due: BinaryHeap<Reverse<(Time, usize)>>,
}

#[derive(Debug)]
struct Stream {
    load: BackgroundLoad,
    call: Arc<Arrival>,
    random: Random,
}

impl Background {
    pub(crate) fn new(loads: &[BackgroundLoad], seed: Seed, purpose: u64) -> Self {
        let stream = |(index, load): (usize, &BackgroundLoad)| Stream {
            load: load.clone(),
            call: Arc::new(load.call.clone()),
            random: Random::new(seed, purpose + index as u64),
        };
        let streams = loads.iter().enumerate().map(stream).collect();
        let mut background = Self { streams, due: BinaryHeap::new() };
        for index in 0..background.streams.len() {
            let from = background.streams[index].load.from;
            background.schedule(index, from);
        }
        background
    }

    /// The next call of others that came by `now`, if there is one. Each is told once.
    pub(crate) fn next_by(&mut self, now: Time) -> Option<(Time, Arc<Arrival>)> {
        let &Reverse((at, index)) = self.due.peek().filter(|Reverse((at, _))| *at <= now)?;
        self.due.pop();
        self.schedule(index, at);
        Some((at, Arc::clone(&self.streams[index].call)))
    }

    /// Draws when the stream has its next call after `after`.
    fn schedule(&mut self, index: usize, after: Time) {
        let Stream { load, random, .. } = &mut self.streams[index];
        let at = match load.process {
            Process::Poisson => after + random.gap(load.gap),
            Process::Regular => after + load.gap,
        };
        if at < load.until {
            self.due.push(Reverse((at, index)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn times(process: Process, seed: u64) -> Vec<Time> {
        let load = BackgroundLoad {
            call: Arrival::get("/"),
            gap: Duration::from_millis(100),
            process,
            from: Time::from_secs(10),
            until: Time::from_secs(20),
        };
        let mut background = Background::new(&[load.clone(), load], Seed::new(seed), 0);
        std::iter::from_fn(|| background.next_by(Time::from_secs(100))).map(|(at, _)| at).collect()
    }

    #[test]
    fn others_call_in_order_at_their_rate_and_within_their_time() {
        for process in [Process::Poisson, Process::Regular] {
            let times = times(process, 5);
            assert!(times.is_sorted() && (150..250).contains(&times.len()), "{}", times.len());
            assert!(times.iter().all(|at| (Time::from_secs(10)..Time::from_secs(20)).contains(at)));
        }
    }

    #[test]
    fn a_seed_decides_when_others_call() {
        assert_eq!(times(Process::Poisson, 5), times(Process::Poisson, 5));
        assert_ne!(times(Process::Poisson, 5), times(Process::Poisson, 6));
    }
}
