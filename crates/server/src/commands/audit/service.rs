//! A running service, asked over plain HTTP for its audit trail.

use std::fmt;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use bytes::Bytes;
use http_body_util::{BodyExt, Collected, Empty, Limited};
use hyper::body::Incoming;
use hyper::{Request, Response, Uri, header};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::super::plain::plain;

/// A parameter of the query and its value.
pub(super) type Asked = (&'static str, String);

/// How long a service may take to answer, and, as it sends a sign of life every 15 s, to send anything more to a follower.
const WITHIN: Duration = Duration::from_secs(30);

/// Largest page: a thousand entries of some 2 KiB each, and more.
const PAGE_BYTES_MAX: usize = 16 << 20;

/// Longest event.
const EVENT_BYTES_MAX: usize = 1 << 20;

/// Where it is, and which namespace it is asked for.
#[derive(Debug)]
pub(super) struct Service {
    authority: String,
    path: String,
}

/// Some of the entries.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) entries: Vec<Value>,
    pub(super) next_cursor: Option<String>,
    pub(super) last_id: String,
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

impl Service {
    pub(super) fn at(url: &str, namespace: &str) -> Result<Self> {
        // Told of first, and not shown: there may be a password in it.
        ensure!(!url.contains('@'), "--url: expected http://HOST:PORT without a user in it");
        ensure!(!url.contains(['?', '#']), "--url: expected http://HOST:PORT without a query");
        let uri: Uri = url.parse().with_context(|| format!("--url {url}: expected http://HOST:PORT"))?;
        ensure!(
            uri.scheme_str() == Some("http"),
            "--url {url}: expected http://HOST:PORT; TLS is not spoken here"
        );
        let authority = uri.authority().context("a URL with http:// has a host")?;
        let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        ensure!(
            !namespace.is_empty() && namespace.bytes().all(is_letter),
            "--namespace {namespace:?}: expected letters, digits, '.', '_' and '-'"
        );
        let path = format!("{}/v1/{namespace}/audit", uri.path().trim_end_matches('/'));
        Ok(Self { authority: authority.as_str().to_owned(), path })
    }

    /// A page of the trail.
    pub(super) async fn page(&self, query: &[Asked]) -> Result<Page> {
        let target = format!("{}{}", self.path, written(query));
        let response = timeout(WITHIN, self.get(&target, None)).await.context("no answer within 30s")??;
        let next_cursor = header_of(&response, "tollgate-next-cursor");
        let last_id = header_of(&response, "tollgate-last-id").context("this is no audit trail")?;
        let body = Limited::new(response.into_body(), PAGE_BYTES_MAX).collect();
        let body = timeout(WITHIN, body).await.context("no whole answer within 30s")?;
        let body = body.map_err(anyhow::Error::from_boxed).context("the answer ended early")?.to_bytes();
        let lines = body.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        let entries = lines.map(serde_json::from_slice).collect::<Result<_, _>>();
        Ok(Page { entries: entries.context("an entry is no JSON")?, next_cursor, last_id })
    }

    /// Hands over what comes behind the last id, with its own id, until the service ends or the connection breaks.
    pub(super) async fn follow(
        &self,
        query: &[Asked],
        last_id: &str,
        mut take: impl FnMut(&str, &Value) -> Result<()>,
    ) -> Result<()> {
        let target = format!("{}/stream{}", self.path, written(query));
        let response = self.get(&target, Some(last_id));
        let mut body = timeout(WITHIN, response).await.context("no answer within 30s")??.into_body();
        let mut unread = Vec::new();
        while let Some(frame) = timeout(WITHIN, body.frame()).await.context("silent for 30s")? {
            let Ok(data) = frame.context("the connection broke")?.into_data() else { continue };
            unread.extend_from_slice(&data);
            while let Some(end) = unread.windows(2).position(|two| two == b"\n\n") {
                let event: Vec<u8> = unread.drain(..end + 2).collect();
                hand_over(&String::from_utf8_lossy(&event), &mut take)?;
            }
            ensure!(unread.len() <= EVENT_BYTES_MAX, "an event without an end");
        }
        Ok(())
    }

    /// One request on a connection of its own.
    async fn get(&self, target: &str, last_event_id: Option<&str>) -> Result<Response<Incoming>> {
        let uri: Uri = format!("http://{}", self.authority).parse()?;
        let host = uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
        let stream = TcpStream::connect((host, uri.port_u16().unwrap_or(80))).await?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        let mut request = Request::get(target)
            .header(header::HOST, &self.authority)
            .header(header::ACCEPT, "application/x-ndjson, text/event-stream");
        if let Some(id) = last_event_id {
            request = request.header("last-event-id", id);
        }
        let response = sender.send_request(request.body(Empty::<Bytes>::new())?).await?;
        if response.status().is_success() {
            return Ok(response);
        }
        let status = response.status();
        let body = Limited::new(response.into_body(), EVENT_BYTES_MAX).collect().await;
        let body = body.map(Collected::to_bytes).unwrap_or_default();
        let problem: Value = serde_json::from_slice(&body).unwrap_or_default();
        let detail = plain(problem["detail"].as_str().unwrap_or("it does not say why"));
        if status.is_client_error() {
            return Err(Refusal(format!("it answers {status}: {detail}")).into());
        }
        bail!("it answers {status}: {detail}")
    }
}

/// An event's id and its data; comments, which are signs of life, have none.
fn hand_over(event: &str, take: &mut impl FnMut(&str, &Value) -> Result<()>) -> Result<()> {
    let field = |name: &str| event.lines().find_map(|line| line.strip_prefix(name)).map(str::trim_start);
    match (field("id:"), field("data:")) {
        (Some(id), Some(data)) => take(id, &serde_json::from_str(data).context("an event is no JSON")?),
        _ => Ok(()),
    }
}

fn header_of(response: &Response<Incoming>, name: &str) -> Option<String> {
    response.headers().get(name)?.to_str().ok().map(str::to_owned)
}

fn written(query: &[Asked]) -> String {
    if query.is_empty() {
        return String::new();
    }
    format!("?{}", form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_that_cant_be_asked_is_told_with_what_would_be_right() {
        for url in [
            "",
            "127.0.0.1:8080",
            "https://host",
            "http://user@host",
            "http://host?x",
            "ftp://host",
            "http://",
        ] {
            let error = Service::at(url, "genesys").expect_err(url).to_string();
            assert!(error.contains("expected"), "{url}: {error}");
        }
        assert!(Service::at("http://host", "a/b").is_err());
        let service = Service::at("http://[::1]:8080/behind/", "genesys").expect("a service");
        assert_eq!(service.path, "/behind/v1/genesys/audit");
    }

    #[test]
    fn any_name_can_be_asked_for() {
        assert_eq!(
            written(&[("org", "a&b=\u{e4}/ %".to_owned()), ("kind", "cut".to_owned())]),
            "?org=a%26b%3D%C3%A4%2F+%25&kind=cut"
        );
        assert_eq!(written(&[]), "");
    }
}
