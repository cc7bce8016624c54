//! Traces: spans that are sent to an OpenTelemetry collector, if this build can do so (feature `otlp`) and it is told
//! where one is.
//!
//! The variables are those of OpenTelemetry's own specification, so that they are what every other service has.

#[cfg(not(feature = "otlp"))]
mod off;
#[cfg(feature = "otlp")]
mod otlp;
#[cfg(feature = "otlp")]
mod transport;

use std::env;

#[cfg(not(feature = "otlp"))]
pub(crate) use off::{Traces, trace_id};
#[cfg(feature = "otlp")]
pub(crate) use otlp::{Traces, trace_id};

/// Where the collector is: for all signals, or for traces alone.
const ENDPOINTS: [&str; 2] = ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"];

/// The variable that names a collector, if one does.
fn endpoint() -> Option<&'static str> {
    let is_set = |name: &&str| env::var_os(name).is_some_and(|value| !value.is_empty());
    ENDPOINTS.into_iter().find(is_set)
}
