//! What goes wrong at the moment, shared by all connections of a proxy, and what went through.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use super::framing::command;

/// Which way bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Requests.
    ToServer,
    /// Answers.
    ToClient,
}

/// What went through a proxy since it started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Connections accepted.
    pub connections: u64,
    /// Requests handed to the server, those with a lost answer included.
    pub requests: u64,
    /// Bytes handed to the server.
    pub bytes_to_server: u64,
    /// Bytes handed to clients.
    pub bytes_to_client: u64,
    /// Answers swallowed.
    pub answers_dropped: u64,
}

/// What happens to connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// They work.
    Pass,
    /// They are accepted, and nothing comes of them.
    BlackHole,
    /// Nobody listens.
    Refuse,
}

/// The faults in force; all of them can change while connections are open.
#[derive(Debug)]
pub(super) struct Faults {
    pub(super) mode: watch::Sender<Mode>,
    /// Counts up; whoever sees it change closes.
    pub(super) cuts: watch::Sender<u64>,
    delay_to_server_us: AtomicU64,
    delay_to_client_us: AtomicU64,
    answers_to_drop: Mutex<AnswersToDrop>,
    counters: Mutex<Counters>,
}

#[derive(Debug, Default)]
struct AnswersToDrop {
    left: usize,
    /// Only those to this command; all if there is none.
    command: Option<String>,
}

impl Faults {
    pub(super) fn new() -> Self {
        Self {
            mode: watch::Sender::new(Mode::Pass),
            cuts: watch::Sender::new(0),
            delay_to_server_us: AtomicU64::new(0),
            delay_to_client_us: AtomicU64::new(0),
            answers_to_drop: Mutex::default(),
            counters: Mutex::default(),
        }
    }

    pub(super) fn set_delay(&self, direction: Direction, delay: Duration) {
        let delay_us = u64::try_from(delay.as_micros()).unwrap_or(u64::MAX);
        self.delay_us(direction).store(delay_us, Relaxed);
    }

    pub(super) fn delay(&self, direction: Direction) -> Duration {
        Duration::from_micros(self.delay_us(direction).load(Relaxed))
    }

    pub(super) fn drop_answers(&self, count: usize, command: Option<&str>) {
        *self.answers_to_drop.lock().unwrap_or_else(PoisonError::into_inner) =
            AnswersToDrop { left: count, command: command.map(str::to_owned) };
    }

    /// Whether the answer to this request is one to drop; then there is one less to go.
    pub(super) fn takes_answer_to(&self, request: &[u8]) -> bool {
        let mut to_drop = self.answers_to_drop.lock().unwrap_or_else(PoisonError::into_inner);
        let wanted = match &to_drop.command {
            Some(name) => command(request).eq_ignore_ascii_case(name.as_bytes()),
            None => true,
        };
        let takes = wanted && to_drop.left > 0;
        to_drop.left -= usize::from(takes);
        takes
    }

    pub(super) fn count(&self, change: impl FnOnce(&mut Counters)) {
        change(&mut self.counters.lock().unwrap_or_else(PoisonError::into_inner));
    }

    pub(super) fn counters(&self) -> Counters {
        *self.counters.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn delay_us(&self, direction: Direction) -> &AtomicU64 {
        match direction {
            Direction::ToServer => &self.delay_to_server_us,
            Direction::ToClient => &self.delay_to_client_us,
        }
    }
}
