//! What a child process printed: waited on while it starts, shown when a test fails.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::{Result, bail};

use crate::deadline::Deadline;

/// Enough to see what went wrong, and little enough that a chatty replica under load stays small.
const LINES_KEPT: usize = 1_000;

/// How long a condition that no printed line announces (a socket that opened) may go unnoticed.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// The last lines of a child's output, filled by one thread per stream.
#[derive(Debug, Default)]
pub(crate) struct Log {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    lines: VecDeque<String>,
    open_streams: usize,
}

impl Log {
    /// Collects a stream's lines until it ends, which is when the child does.
    pub(crate) fn follow(self: &Arc<Self>, stream: impl Read + Send + 'static) {
        self.lock().open_streams += 1;
        let log = Arc::clone(self);
        thread::spawn(move || {
            for line in BufReader::new(stream).split(b'\n').map_while(Result::ok) {
                log.push(String::from_utf8_lossy(&line).into_owned());
            }
            log.lock().open_streams -= 1;
            log.changed.notify_all();
        });
    }

    /// Asks `look` again at each new line, and at least every few milliseconds, until it finds something.
    ///
    /// # Errors
    /// When the patience is over, or the child has closed its output: with the lines it printed.
    pub(crate) fn wait_for<T>(
        &self,
        patience: Duration,
        mut look: impl FnMut(&VecDeque<String>) -> Option<T>,
    ) -> Result<T> {
        let deadline = Deadline::after(patience);
        let mut state = self.lock();
        loop {
            let ended = state.open_streams == 0;
            if let Some(found) = look(&state.lines) {
                return Ok(found);
            }
            if ended {
                bail!("it ended early; it printed:\n{}", joined(&state.lines));
            }
            if deadline.passed() {
                bail!("not after {patience:?}; it printed:\n{}", joined(&state.lines));
            }
            state = self.changed.wait_timeout(state, LOOK_EVERY).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// All lines that are kept.
    pub(crate) fn text(&self) -> String {
        self.tail(LINES_KEPT)
    }

    /// The last lines.
    pub(crate) fn tail(&self, lines_max: usize) -> String {
        let state = self.lock();
        joined(state.lines.iter().skip(state.lines.len().saturating_sub(lines_max)))
    }

    fn push(&self, line: String) {
        let mut state = self.lock();
        if state.lines.len() == LINES_KEPT {
            state.lines.pop_front();
        }
        state.lines.push_back(line);
        self.changed.notify_all();
    }

    /// A test that panicked while it held the lock must still be able to show the lines.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn joined<'a>(lines: impl IntoIterator<Item = &'a String>) -> String {
    lines.into_iter().fold(String::new(), |text, line| text + "  | " + line + "\n")
}
