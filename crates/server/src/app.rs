//! What the handlers work with.

use std::sync::Arc;

use axum::body::Bytes;
use tokio::sync::Semaphore;
use tollgate::{Error, PolicyVersion, Tollgate};

use crate::access::Access;
use crate::metrics::ServiceMetrics;
use crate::outage_log::OutageLog;
use crate::shutdown::Shutdown;

/// The limiter that is served, and how far the service's end has come.
#[derive(Clone, Debug)]
pub(crate) struct App {
    pub(crate) gate: Tollgate,
    pub(crate) shutdown: Shutdown,
    pub(crate) outage: OutageLog,
    /// Places for those who follow the audit trail.
    pub(crate) followers: Arc<Semaphore>,
    /// Places for those who read what was used.
    pub(crate) usage_readers: Arc<Semaphore>,
    /// Who may do what.
    pub(crate) access: Access,
    /// What the API says of itself.
    pub(crate) description: Bytes,
    /// What is told at `/metrics`.
    pub(crate) metrics: Arc<ServiceMetrics>,
}

/// Those who follow the audit trail at once. Each asks the store twice a second.
const FOLLOWERS_MOST: usize = 64;

/// Those who read what was used at once; others wait. An answer takes some megabytes.
const USAGE_READERS_MOST: usize = 2;

impl App {
    pub(crate) fn new(gate: Tollgate, shutdown: Shutdown, access: Access, description: Bytes) -> Self {
        let followers = Arc::new(Semaphore::new(FOLLOWERS_MOST));
        let usage_readers = Arc::new(Semaphore::new(USAGE_READERS_MOST));
        let metrics = Arc::new(ServiceMetrics::of(gate.metrics()));
        Self {
            gate,
            shutdown,
            outage: OutageLog::default(),
            followers,
            usage_readers,
            access,
            description,
            metrics,
        }
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
