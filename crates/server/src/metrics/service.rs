//! All that a replica has counted, in one registry.

use std::fmt;

use prometheus_client::encoding::{prometheus_text, text};
use prometheus_client::registry::Registry;
use tollgate::Metrics;

use super::build;
use super::format::Format;
use super::http::HttpMeter;
use super::process::Process;

/// What a replica tells at `/metrics`. It belongs to one service, not to the process: another one counts for itself.
#[derive(Debug)]
pub(crate) struct ServiceMetrics {
    registry: Registry,
    pub(crate) http: HttpMeter,
}

impl ServiceMetrics {
    /// Of a service that serves the limiter with these metrics.
    pub(crate) fn of(limiter: Metrics) -> Self {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(limiter));
        let http = HttpMeter::registered(&mut registry);
        registry.register_collector(Box::new(Process));
        build::register(&mut registry);
        Self { registry, http }
    }

    /// All of it, as it is now.
    pub(crate) fn written(&self, format: Format) -> Result<String, fmt::Error> {
        let mut written = String::new();
        match format {
            Format::Prometheus => prometheus_text::encode(&mut written, &self.registry)?,
            Format::OpenMetrics => text::encode(&mut written, &self.registry)?,
        }
        Ok(written)
    }
}
