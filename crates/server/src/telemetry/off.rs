//! A build that exports no traces.

use tracing::Subscriber;
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Identity;

use super::endpoint;

/// No traces.
#[derive(Debug)]
pub(crate) struct Traces;

impl Traces {
    /// None, whatever the environment says.
    #[expect(clippy::unnecessary_wraps, reason = "the build that exports traces may fail to begin with it")]
    pub(crate) fn from_environment() -> anyhow::Result<Self> {
        Ok(Self)
    }

    /// What takes up spans, if anything does.
    #[expect(clippy::unused_self, reason = "the build that exports traces has an exporter in it")]
    pub(crate) fn layer<S: Subscriber>(&self) -> Option<impl Layer<S> + use<S>> {
        None::<Identity>
    }

    /// Tells who expects traces that there are none.
    #[expect(clippy::unused_self, reason = "the build that exports traces has an exporter in it")]
    pub(crate) fn announce(&self) {
        if let Some(variable) = endpoint() {
            tracing::warn!(
                "{variable} is set, but this build exports no traces; build it with --features otlp"
            );
        }
    }

    /// Sends what is left.
    #[expect(clippy::unused_async, reason = "the build that exports traces waits here")]
    pub(crate) async fn end(self) {}
}

/// The trace that the code at hand is part of.
pub(crate) fn trace_id() -> Option<String> {
    None
}
