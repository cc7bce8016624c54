//! What a limiter counts: an atomic addition for each number, on counters that were found beforehand; read only when
//! somebody asks.

mod acquires;
mod catalogue;
#[cfg(feature = "prometheus")]
mod collector;
mod counter;
mod family;
mod histogram;
mod limits;
mod meters;
#[expect(clippy::module_inception, reason = "the noun of the folder")]
mod metrics;
mod permits;
mod store;

pub use family::{Description, Distribution, Family, MetricKind, MetricValue, Sample};
pub use metrics::Metrics;

pub(crate) use acquires::Asking;
pub(crate) use limits::{LimitMeter, PausedBy, PolicyMeters};
pub(crate) use meters::Meters;
pub(crate) use permits::Purpose;
pub(crate) use store::StoreMeter;
