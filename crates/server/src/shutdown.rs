//! The end of the service, in stages: it serves, it drains, it is over.

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

/// How far the end has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stage {
    /// It has not begun.
    Serving,
    /// No new connections; calls in flight run on.
    Draining,
    /// What still waits is told that there is no more time.
    Over,
}

/// Ends a [`Server`](crate::Server). All clones are the same end.
#[derive(Clone, Debug)]
pub struct Shutdown {
    stage: watch::Sender<Stage>,
}

impl Shutdown {
    /// An end that has not begun.
    #[must_use]
    pub fn new() -> Self {
        Self { stage: watch::Sender::new(Stage::Serving) }
    }

    /// Begins it: calls in flight are still answered.
    pub fn drain(&self) {
        self.advance(Stage::Draining);
    }

    /// Cuts it short: calls that wait are refused at once.
    pub fn end(&self) {
        self.advance(Stage::Over);
    }

    /// There is no way back.
    fn advance(&self, to: Stage) {
        self.stage.send_modify(|stage| *stage = to.max(*stage));
    }

    pub(crate) fn has_reached(&self, stage: Stage) -> bool {
        *self.stage.borrow() >= stage
    }

    /// Completes once it has come so far.
    pub(crate) async fn reached(&self, stage: Stage) {
        // Fails only without a sender, and this is one.
        let _ = self.stage.subscribe().wait_for(|reached| *reached >= stage).await;
    }
}

impl Default for Shutdown {
    fn default() -> Self {
        Self::new()
    }
}

/// The signals by which the process is asked to end.
#[derive(Debug)]
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// From here on they no longer kill the process.
    pub(crate) fn install() -> std::io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    /// The first drains, the second ends at once.
    pub(crate) async fn carry_out(mut self, shutdown: Shutdown) {
        self.next().await;
        tracing::info!("asked to end: calls in flight are answered; asked again, it ends at once");
        shutdown.drain();
        self.next().await;
        shutdown.end();
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
