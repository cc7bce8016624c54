//! HTTP and HTTPS for what a command calls.

use std::time::Duration;

use anyhow::Context;
use async_trait::async_trait;
use axum::http::{self, Extensions};
use hyper_rustls::{ConfigBuilderExt, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use reqwest::{Body, Request, Response};
use reqwest_middleware::{ClientBuilder, ClientWithMiddleware, Error, Middleware, Next, Result};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

const CONNECT_WITHIN: Duration = Duration::from_secs(5);

/// The end of a chain of middlewares: it sends requests itself. `reqwest` is built without TLS here; `Cargo.toml` says why.
#[derive(Debug)]
struct Transport(Client<HttpsConnector<HttpConnector>, Body>);

/// A client that follows no redirects: a token is meant for the host that it was given to.
///
/// It trusts these authorities, in PEM, and nobody else; without any, Mozilla's roots.
pub(super) fn client(authorities_pem: Option<&[u8]>) -> anyhow::Result<ClientWithMiddleware> {
    let provider = rustls::crypto::ring::default_provider();
    let config =
        ClientConfig::builder_with_provider(provider.into()).with_safe_default_protocol_versions()?;
    let config = match authorities_pem {
        None => config.with_webpki_roots(),
        Some(pem) => config.with_root_certificates(authorities(pem)?),
    };
    let mut connector = HttpConnector::new();
    connector.set_connect_timeout(Some(CONNECT_WITHIN));
    // Which scheme it is for is up to the layer around it.
    connector.enforce_http(false);
    let connector = HttpsConnectorBuilder::new()
        .with_tls_config(config.with_no_client_auth())
        .https_or_http()
        .enable_http1()
        .wrap_connector(connector);
    let transport = Transport(Client::builder(TokioExecutor::new()).build(connector));
    Ok(ClientBuilder::new(reqwest::Client::new()).with(transport).build())
}

fn authorities(pem: &[u8]) -> anyhow::Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let usable = certificate.ok().and_then(|certificate| roots.add(certificate).ok());
        usable.context("a block in it is no certificate")?;
    }
    anyhow::ensure!(!roots.is_empty(), "there is no \"-----BEGIN CERTIFICATE-----\" block in it");
    Ok(roots)
}

#[async_trait]
impl Middleware for Transport {
    async fn handle(&self, request: Request, _: &mut Extensions, _: Next<'_>) -> Result<Response> {
        let request: http::Request<Body> = request.try_into()?;
        let response = self.0.request(request).await.map_err(Error::middleware)?;
        Ok(response.map(Body::wrap).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_holds_no_authorities_is_told() {
        let block = "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n";
        for (pem, said) in
            [("", "BEGIN CERTIFICATE"), ("no PEM", "BEGIN CERTIFICATE"), (block, "no certificate")]
        {
            let error = client(Some(pem.as_bytes())).expect_err(pem).to_string();
            assert!(error.contains(said), "{pem}: {error}");
        }
        assert!(client(None).is_ok());
    }
}
