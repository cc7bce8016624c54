//! One direction of a connection: what enters leaves later, in order, and without waiting for what is behind it.

use std::io;
use std::sync::Arc;

use tokio::io::AsyncWriteExt;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use super::endpoint::Writer;
use super::faults::{Direction, Faults, Mode};

/// A unit and when it may leave.
///
/// The time is set as it enters, so that a hundred pipelined requests are all late by one delay: sleeping for each in
/// turn would make the last one late by a hundred.
type Timed = (Instant, Vec<u8>);

/// The end that takes units in.
pub(super) struct Entry {
    queue: mpsc::UnboundedSender<Timed>,
    faults: Arc<Faults>,
    direction: Direction,
}

/// The end that lets them out.
pub(super) struct Exit {
    queue: mpsc::UnboundedReceiver<Timed>,
    faults: Arc<Faults>,
    direction: Direction,
}

/// A line in one direction.
pub(super) fn delay_line(direction: Direction, faults: &Arc<Faults>) -> (Entry, Exit) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let entry = Entry { queue: sender, faults: Arc::clone(faults), direction };
    let exit = Exit { queue: receiver, faults: Arc::clone(faults), direction };
    (entry, exit)
}

impl Entry {
    #[expect(clippy::disallowed_methods, reason = "the runtime's clock, which a test may have paused")]
    pub(super) fn push(&self, unit: Vec<u8>) {
        let leaves_at = Instant::now() + self.faults.delay(self.direction);
        // Nobody takes it out any more only when the connection is being closed.
        let _ = self.queue.send((leaves_at, unit));
    }
}

impl Exit {
    /// Writes until the entry is gone and the line is empty, then closes this direction.
    pub(super) async fn drain(mut self, mut writer: Writer) -> io::Result<()> {
        while let Some((leaves_at, unit)) = self.queue.recv().await {
            sleep_until(leaves_at).await;
            if *self.faults.mode.borrow() == Mode::BlackHole {
                continue;
            }
            writer.write_all(&unit).await?;
            self.faults.count(|counters| match self.direction {
                Direction::ToServer => {
                    counters.requests += 1;
                    counters.bytes_to_server += unit.len() as u64;
                }
                Direction::ToClient => counters.bytes_to_client += unit.len() as u64,
            });
        }
        writer.shutdown().await
    }
}
