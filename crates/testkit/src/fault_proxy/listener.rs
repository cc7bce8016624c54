//! The task that accepts, or refuses by not listening.

use std::io;
use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::JoinSet;

use super::connection::relay;
use super::endpoint::Listener;
use super::faults::{Faults, Mode};
use super::framing::Framing;
use crate::address::Address;

/// What the listening task needs; its connections end with it.
pub(super) struct Front {
    pub(super) address: Address,
    pub(super) server: Address,
    pub(super) framing: Framing,
    pub(super) faults: Arc<Faults>,
    /// Says whether somebody can connect just now.
    pub(super) listening: watch::Sender<bool>,
}

impl Front {
    /// Listens whenever the mode is not to refuse; `listener` is the first one, already open.
    pub(super) async fn run(self, mut listener: Listener) -> io::Result<()> {
        let mut connections = JoinSet::new();
        let mut mode = self.faults.mode.subscribe();
        loop {
            self.listening.send_replace(true);
            self.accept_until_refused(&listener, &mut mode, &mut connections).await;
            drop(listener);
            self.listening.send_replace(false);
            if mode.wait_for(|mode| *mode != Mode::Refuse).await.is_err() {
                return Ok(());
            }
            listener = Listener::bind(&self.address)?;
        }
    }

    async fn accept_until_refused(
        &self,
        listener: &Listener,
        mode: &mut watch::Receiver<Mode>,
        connections: &mut JoinSet<()>,
    ) {
        loop {
            tokio::select! {
                _ = mode.wait_for(|mode| *mode == Mode::Refuse) => return,
                accepted = listener.accept() => {
                    // A client that is gone already is no reason to stop.
                    let Ok(client) = accepted else { continue };
                    self.faults.count(|counters| counters.connections += 1);
                    connections.spawn(relay(client, self.server.clone(), self.framing, Arc::clone(&self.faults)));
                }
                // Reaps those that ended, so that a long test does not collect them.
                Some(_) = connections.join_next() => {}
            }
        }
    }
}
