//! A running service, asked over HTTP or HTTPS.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use bytes::Bytes;
use clap::Args;
use http_body_util::{BodyExt, Collected, Full, Limited};
use hyper::body::Incoming;
use hyper::header::HeaderValue;
use hyper::http::uri::Authority;
use hyper::{Method, Request, Response, StatusCode, Uri, header};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::time::timeout;

use super::api_key::KeyText;
use super::connection;
use super::plain::plain;
use crate::host;

/// How long a service may take to answer.
pub(super) const WITHIN: Duration = Duration::from_secs(30);

/// Largest answer: a policy of a MiB, a page of a thousand entries of the audit trail.
const ANSWER_BYTES_MAX: usize = 16 << 20;

/// Largest problem.
const PROBLEM_BYTES_MAX: usize = 1 << 20;

/// Which service, as the command line says it.
#[derive(Args, Debug)]
pub(super) struct Place {
    /// The service to ask
    #[arg(long, env = "TOLLGATE_URL", default_value = "http://127.0.0.1:8080", hide_env_values = true)]
    url: String,
    /// The namespace that the service is for
    #[arg(long, env = "TOLLGATE_NAMESPACE", default_value = "genesys")]
    namespace: String,
    /// The API key to show it, where it asks for one; better given by the variable, as `ps` shows options. Over http://
    /// it travels in plain text: use https:// for other hosts than this one [default: none]
    #[arg(long, env = "TOLLGATE_API_KEY", value_name = "KEY", hide_env_values = true)]
    api_key: Option<KeyText>,
    /// The authorities, in PEM, one of which has issued the certificate of an https:// service; nobody else is trusted
    /// then [default: Mozilla's roots]
    #[arg(long, env = "TOLLGATE_CA", value_name = "FILE")]
    ca: Option<PathBuf>,
}

/// Where it is, and which namespace it is asked for.
#[derive(Debug)]
pub(super) struct Service {
    /// Its scheme and authority.
    base: Uri,
    /// Of the namespace.
    path: String,
    authorization: Option<HeaderValue>,
    authorities_pem: Option<Vec<u8>>,
}

/// Something that it is asked.
#[derive(Debug, Default)]
pub(super) struct Ask<'a> {
    pub(super) method: Method,
    /// Behind the namespace, with the query, such as `/policy`.
    pub(super) target: &'a str,
    pub(super) headers: &'a [(&'static str, String)],
    /// Its media type and itself.
    pub(super) body: Option<(&'static str, Vec<u8>)>,
}

/// What the service said instead: asked again it says the same.
#[derive(Debug)]
struct Refusal(String);

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Refusal {}

/// Whether it makes no sense to ask again.
pub(super) fn is_refusal(error: &anyhow::Error) -> bool {
    error.is::<Refusal>()
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.url)
    }
}

impl Place {
    pub(super) fn service(&self) -> Result<Service> {
        let mut service = Service::at(&self.url, &self.namespace)?;
        service.authorization = self.api_key.clone().unwrap_or_default().authorization()?;
        service.authorities_pem = connection::read_authorities(self.ca.as_deref())?;
        if service.authorization.is_some() && !service.is_private() {
            eprintln!(
                "warning: the API key goes to {self} in plain text: whoever is on the way can read it; use https://"
            );
        }
        Ok(service)
    }

    pub(super) fn namespace(&self) -> &str {
        &self.namespace
    }
}

impl Service {
    fn at(url: &str, namespace: &str) -> Result<Self> {
        // Told of first, and not shown: there may be a password in it.
        ensure!(!url.contains('@'), "--url: expected http(s)://HOST:PORT without a user in it");
        ensure!(!url.contains(['?', '#']), "--url: expected http(s)://HOST:PORT without a query");
        let uri: Uri = url.parse().with_context(|| format!("--url {url}: expected http(s)://HOST:PORT"))?;
        let scheme = uri.scheme_str().filter(|scheme| ["http", "https"].contains(scheme));
        let scheme = scheme.with_context(|| format!("--url {url}: expected http(s)://HOST:PORT"))?;
        let authority = uri.authority().context("a URL with http:// has a host")?;
        let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        ensure!(
            !namespace.is_empty() && namespace.bytes().all(is_letter),
            "--namespace {namespace:?}: expected letters, digits, '.', '_' and '-'"
        );
        let path = format!("{}/v1/{namespace}", uri.path().trim_end_matches('/'));
        let base = format!("{scheme}://{authority}").parse()?;
        Ok(Self { base, path, authorization: None, authorities_pem: None })
    }

    /// Whether nobody on the way can read along.
    fn is_private(&self) -> bool {
        self.base.scheme_str() == Some("https") || self.base.host().is_some_and(host::is_loopback)
    }

    /// The whole answer, if it is a success.
    pub(super) async fn ask(&self, ask: Ask<'_>) -> Result<Response<Bytes>> {
        let response = timeout(WITHIN, self.open(ask)).await.context("no answer within 30s")??;
        whole(response).await
    }

    /// One request on a connection of its own. The beginning of the answer, if it is a success.
    pub(super) async fn open(&self, ask: Ask<'_>) -> Result<Response<Incoming>> {
        let Ask { method, target, headers, body } = ask;
        let stream = connection::open(&self.base, self.authorities_pem.as_deref()).await?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        let request = Request::builder().method(method).uri(format!("{}{target}", self.path));
        let authority = self.base.authority().map_or("", Authority::as_str);
        let mut request = request.header(header::HOST, authority);
        if let Some(authorization) = &self.authorization {
            request = request.header(header::AUTHORIZATION, authorization);
        }
        for (name, value) in headers {
            request = request.header(*name, value.as_bytes());
        }
        let body = body.map_or_else(Bytes::new, |(kind, body)| {
            request = std::mem::take(&mut request).header(header::CONTENT_TYPE, kind);
            body.into()
        });
        let response = connection::answered(sender.send_request(request.body(Full::new(body))?).await)?;
        if response.status().is_success() {
            return Ok(response);
        }
        let status = response.status();
        let body = Limited::new(response.into_body(), PROBLEM_BYTES_MAX).collect().await;
        let body = body.map(Collected::to_bytes).unwrap_or_default();
        let problem: Value = serde_json::from_slice(&body).unwrap_or_default();
        let detail = plain(problem["detail"].as_str().unwrap_or("it does not say why"));
        if status == StatusCode::UNAUTHORIZED && self.authorization.is_none() {
            let hint = "it asks for an API key: give one with --api-key, or in TOLLGATE_API_KEY";
            return Err(Refusal(format!("it answers {status}: {hint}")).into());
        }
        if status.is_client_error() {
            return Err(Refusal(format!("it answers {status}: {detail}")).into());
        }
        bail!("it answers {status}: {detail}")
    }
}

/// An answer, read to its end.
pub(super) async fn whole(response: Response<Incoming>) -> Result<Response<Bytes>> {
    let (head, body) = response.into_parts();
    let body = timeout(WITHIN, Limited::new(body, ANSWER_BYTES_MAX).collect()).await;
    let body = body.context("no whole answer within 30s")?;
    let body = body.map_err(anyhow::Error::from_boxed).context("the answer ended early")?.to_bytes();
    Ok(Response::from_parts(head, body))
}

/// A header field, if it is there and a text.
pub(super) fn header_of<B>(response: &Response<B>, name: &str) -> Option<String> {
    String::from_utf8(response.headers().get(name)?.as_bytes().to_vec()).ok()
}

/// A name as a part of a path.
pub(super) fn segment(name: &str) -> String {
    // A form has `+` for a space, which means itself in a path.
    form_urlencoded::byte_serialize(name.as_bytes()).collect::<String>().replace('+', "%20")
}

/// A query with its question mark, "" if there is nothing in it.
pub(super) fn query(pairs: &[(&'static str, String)]) -> String {
    if pairs.is_empty() {
        return String::new();
    }
    format!("?{}", form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_that_cant_be_asked_is_told_with_what_would_be_right() {
        for url in ["", "127.0.0.1:8080", "http://user@host", "http://host?x", "ftp://host", "http://"] {
            let error = Service::at(url, "genesys").expect_err(url).to_string();
            assert!(error.contains("expected"), "{url}: {error}");
        }
        assert!(Service::at("http://host", "a/b").is_err());
        let service = Service::at("http://[::1]:8080/behind/", "genesys").expect("a service");
        assert_eq!(service.path, "/behind/v1/genesys");
        assert!(
            Service::at("https://host", "genesys")
                .is_ok_and(|service| service.base.scheme_str() == Some("https"))
        );
    }

    #[test]
    fn a_key_is_private_on_this_machine_and_over_tls() {
        for (url, is_private) in [
            ("http://127.0.0.1:8080", true),
            ("http://localhost", true),
            ("http://[::1]:8080", true),
            ("https://limits.example", true),
            ("http://limits.example", false),
            ("http://10.0.0.1:8080", false),
            ("http://[2001:db8::1]", false),
        ] {
            assert_eq!(Service::at(url, "genesys").expect(url).is_private(), is_private, "{url}");
        }
    }

    #[test]
    fn any_name_can_be_asked_for() {
        assert_eq!(
            query(&[("org", "a&b=\u{e4}/ %".to_owned()), ("kind", "cut".to_owned())]),
            "?org=a%26b%3D%C3%A4%2F+%25&kind=cut"
        );
        assert_eq!(query(&[]), "");
        assert_eq!(segment("a/b c+\u{e4}?"), "a%2Fb%20c%2B%C3%A4%3F");
    }
}
