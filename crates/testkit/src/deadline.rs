//! A point in real time by which something must have happened.

use std::time::{Duration, Instant};

/// Real time on purpose: what is waited for here (processes, sockets) does not follow a test's clock.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline {
    at: Instant,
}

impl Deadline {
    #[expect(clippy::disallowed_methods, reason = "child processes live in real time")]
    pub(crate) fn after(patience: Duration) -> Self {
        Self { at: Instant::now() + patience }
    }

    #[expect(clippy::disallowed_methods, reason = "child processes live in real time")]
    pub(crate) fn passed(self) -> bool {
        Instant::now() >= self.at
    }
}
