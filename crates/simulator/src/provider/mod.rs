//! The provider: limits, answers and faults, put together.

mod number;
#[expect(clippy::module_inception, reason = "the provider is the noun of this folder")]
mod provider;
mod turnstiles;

pub use provider::Provider;
