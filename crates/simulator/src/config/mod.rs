//! The configuration of a provider: TOML, read once into a checked type.

mod check;
#[expect(clippy::module_inception, reason = "the configuration is the noun of this folder")]
mod config;
mod document;
mod error;
mod limits;
mod method;
mod quantity;
mod read;
mod traffic;

pub use config::Config;
#[cfg(test)]
pub(crate) use config::Secret;
pub(crate) use config::{BackgroundLoad, Client, Faults, Latency, Oauth, Process, Throttle};
pub(crate) use document::{Code, Reset, RetryAfter, Shape};
pub use error::ConfigError;
