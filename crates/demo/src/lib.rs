//! What Tollgate is for, shown: a fleet of replicas calls a provider whose limits are partly hidden, in three ways, one
//! after the other.
//!
//! The provider is `tollgate-simulator` on a loopback port, in real time; its ledger judges. The three ways
//! ([`Client`]) have the same callers, drawn from the same seed. `tollgate demo` puts a [`Demo`] on a terminal, and
//! tests run one of its clients at length.

mod batch;
mod bucket;
mod client;
mod clock;
mod crew;
mod demo;
mod error;
mod fleet;
mod progress;
mod report;
mod retry;
mod scenario;
mod settings;
mod traffic;
mod waits;
mod way;

pub use bucket::TokenBucket;
pub use client::Client;
pub use demo::Demo;
pub use error::DemoError;
pub use progress::Progress;
pub use report::{Report, Run, Wait};
pub use scenario::{BUILT_IN, BuiltIn, Scenario, ScenarioError};
pub use settings::Settings;
