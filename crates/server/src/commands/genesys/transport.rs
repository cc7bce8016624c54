//! HTTP and HTTPS for what a command calls.

use std::time::Duration;

use async_trait::async_trait;
use axum::http::{self, Extensions};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use reqwest::{Body, Request, Response};
use reqwest_middleware::{ClientBuilder, ClientWithMiddleware, Error, Middleware, Next, Result};

use super::super::connection;

const CONNECT_WITHIN: Duration = Duration::from_secs(5);

/// The end of a chain of middlewares: it sends requests itself. `reqwest` is built without TLS here; `Cargo.toml` says
/// why.
#[derive(Debug)]
struct Transport(Client<HttpsConnector<HttpConnector>, Body>);

/// A client that follows no redirects: a token is meant for the host that it was given to.
///
/// It trusts these authorities, in PEM, and nobody else; without any, Mozilla's roots.
pub(super) fn client(authorities_pem: Option<&[u8]>) -> anyhow::Result<ClientWithMiddleware> {
    let mut connector = HttpConnector::new();
    connector.set_connect_timeout(Some(CONNECT_WITHIN));
    // Which scheme it is for is up to the layer around it.
    connector.enforce_http(false);
    let connector = HttpsConnectorBuilder::new()
        .with_tls_config(connection::trusting(authorities_pem)?)
        .https_or_http()
        .enable_http1()
        .wrap_connector(connector);
    let transport = Transport(Client::builder(TokioExecutor::new()).build(connector));
    Ok(ClientBuilder::new(reqwest::Client::new()).with(transport).build())
}

#[async_trait]
impl Middleware for Transport {
    async fn handle(&self, request: Request, _: &mut Extensions, _: Next<'_>) -> Result<Response> {
        let request: http::Request<Body> = request.try_into()?;
        let response = self.0.request(request).await.map_err(Error::middleware)?;
        Ok(response.map(Body::wrap).into())
    }
}
