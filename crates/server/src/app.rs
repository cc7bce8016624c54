//! What the handlers work with.

use tollgate::{Error, PolicyVersion, Tollgate};

use crate::outage_log::OutageLog;
use crate::shutdown::Shutdown;

/// The limiter that is served, and how far the service's end has come.
#[derive(Clone, Debug)]
pub(crate) struct App {
    pub(crate) gate: Tollgate,
    pub(crate) shutdown: Shutdown,
    pub(crate) outage: OutageLog,
}

impl App {
    pub(crate) fn new(gate: Tollgate, shutdown: Shutdown) -> Self {
        Self { gate, shutdown, outage: OutageLog::default() }
    }

    /// The policy in force. A store that has lost it is given it back first, which otherwise the next call would do.
    pub(crate) async fn policy(&self) -> Result<PolicyVersion, Error> {
        match self.gate.policy().await {
            Err(Error::NoPolicy { .. }) => {
                self.gate.check().await?;
                self.gate.policy().await
            }
            policy => policy,
        }
    }
}
