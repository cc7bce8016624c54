//! Spans on their way to a collector, as OTLP over HTTP.

use std::env;

use anyhow::Context;
use opentelemetry::trace::{TraceContextExt, TracerProvider};
use opentelemetry_otlp::{SpanExporter, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::level_filters::LevelFilter;
use tracing::{Span, Subscriber};
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::registry::LookupSpan;

use super::endpoint;
use super::transport::Transport;

/// What a service is called that nobody has named.
const SERVICE: &str = "tollgate";

/// The exporter, if there is a collector. It sends what has gathered every few seconds, from a thread of its own.
#[derive(Debug)]
pub(crate) struct Traces {
    provider: Option<SdkTracerProvider>,
}

impl Traces {
    /// Those that the environment asks for. Must be called within a tokio runtime, over which they are sent.
    ///
    /// # Errors
    /// When the environment names a collector that there can't be.
    pub(crate) fn from_environment() -> anyhow::Result<Self> {
        let Some(variable) = endpoint() else { return Ok(Self { provider: None }) };
        let transport = Transport::new().context("TLS for the export of traces can't be set up")?;
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(transport)
            .build()
            .with_context(|| format!("traces can't be exported as {variable} and its like say"))?;
        let provider =
            SdkTracerProvider::builder().with_resource(resource()).with_batch_exporter(exporter).build();
        Ok(Self { provider: Some(provider) })
    }

    /// What takes up spans: those of requests and of acquires, and no others.
    pub(crate) fn layer<S>(&self) -> Option<impl Layer<S> + use<S>>
    where
        S: Subscriber + for<'lookup> LookupSpan<'lookup>,
    {
        let tracer = self.provider.as_ref()?.tracer(SERVICE);
        // Where a span is in the source, and which thread it began on, says nothing of the call.
        let layer =
            tracing_opentelemetry::layer().with_tracer(tracer).with_location(false).with_threads(false);
        let spans = filter_fn(|metadata| metadata.is_span() && is_own(metadata.target()));
        Some(layer.with_filter(spans.with_max_level_hint(LevelFilter::DEBUG)))
    }

    /// Says that there are traces.
    pub(crate) fn announce(&self) {
        if self.provider.is_some() {
            tracing::info!("spans are exported as OpenTelemetry's variables say");
        }
    }

    /// Sends what is left. That takes no longer than a few seconds, also where the collector is gone.
    pub(crate) async fn end(self) {
        let Some(provider) = self.provider else { return };
        let ended = tokio::task::spawn_blocking(move || provider.shutdown()).await;
        if !matches!(ended, Ok(Ok(()))) {
            tracing::warn!("the last spans could not be exported");
        }
    }
}

/// Whether a module is one of Tollgate's.
fn is_own(target: &str) -> bool {
    matches!(target.split("::").next(), Some("tollgate" | "tollgate_server"))
}

/// What is told of the service with each batch of spans.
fn resource() -> Resource {
    let attributes = env::var("OTEL_RESOURCE_ATTRIBUTES").unwrap_or_default();
    let is_named = env::var_os("OTEL_SERVICE_NAME").is_some()
        || attributes.split(',').any(|attribute| attribute.trim_start().starts_with("service.name="));
    let resource = Resource::builder();
    if is_named { resource.build() } else { resource.with_service_name(SERVICE).build() }
}

/// The trace that the code at hand is part of, if it is exported.
pub(crate) fn trace_id() -> Option<String> {
    let context = Span::current().context();
    let span = context.span();
    let span = span.span_context();
    span.is_sampled().then(|| span.trace_id().to_string())
}
