//! HTTP and HTTPS to a collector, by the runtime and with the trust that the service has anyway.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{ConfigBuilderExt, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use opentelemetry_http::{HttpClient, HttpError, Request, Response};
use rustls::ClientConfig;
use tokio::runtime::Handle;
use tokio::time::timeout;

/// Longest that a collector is waited for. The exporter tries again later, and drops the oldest spans when too many
/// gather.
const WITHIN: Duration = Duration::from_secs(5);

/// A collector answers with what it could not take, in few words.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// Sends for the exporter, whose thread has no runtime, over the service's.
#[derive(Debug)]
pub(super) struct Transport {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    runtime: Handle,
}

impl Transport {
    /// Over the runtime that it is called in. It trusts Mozilla's roots.
    pub(super) fn new() -> Result<Self, rustls::Error> {
        let provider = rustls::crypto::ring::default_provider();
        let config =
            ClientConfig::builder_with_provider(provider.into()).with_safe_default_protocol_versions()?;
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(config.with_webpki_roots().with_no_client_auth())
            .https_or_http()
            .enable_http1()
            .build();
        Ok(Self {
            client: Client::builder(TokioExecutor::new()).build(connector),
            runtime: Handle::current(),
        })
    }
}

#[async_trait]
impl HttpClient for Transport {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let client = self.client.clone();
        let answered = async move {
            let (parts, body) = client.request(request.map(Full::new)).await?.into_parts();
            let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await?.to_bytes();
            Ok(Response::from_parts(parts, body))
        };
        // The time limit too is made on the runtime: where this is called from there is no timer.
        let sent = self.runtime.spawn(async move { timeout(WITHIN, answered).await });
        sent.await??
    }
}
