//! What came of it.

use serde::Serialize;

use crate::client::Client;

/// All runs of a demo. As JSON it is what `tollgate demo --json` prints.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Report {
    /// The scenario's name.
    pub scenario: String,
    /// What the traffic was drawn from.
    pub seed: u64,
    /// One of each client.
    pub runs: Vec<Run>,
}

/// What came of one client, by the provider's ledger and its callers' clocks.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Run {
    /// Whose it is.
    pub client: Client,
    /// Calls that the provider has carried out.
    pub requests: u64,
    /// Calls that the provider has refused.
    pub throttled_429: u64,
    /// The part of the provider's true limit that was used, by whomever: 1 is all of it.
    pub utilisation: f64,
    /// Jain's index of the batch calls of the organisations: 1 where all have as many.
    pub jain: f64,
    /// How long people waited, from the click to the answer.
    pub interactive_wait_ms: Wait,
    /// When the last organisation had its batch, in seconds since the beginning. None if that takes more than half as
    /// long again as the run is judged.
    pub batch_seconds: Option<f64>,
}

/// Waits in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Wait {
    /// Half of them waited no longer.
    pub p50: f64,
    /// 99 in a hundred of them waited no longer.
    pub p99: f64,
}
