//! The running service: its policy, read and changed over HTTP.

use std::str;
use std::time::Duration;

use anyhow::{Context, anyhow};
use reqwest::Url;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, ETAG, HeaderValue, IF_MATCH};
use reqwest_middleware::{ClientWithMiddleware, RequestBuilder};
use serde::Deserialize;

use super::super::plain::plain;
use super::document::Document;
use super::exchange::{self, Answered};
use super::settings::Settings;

const VERSION: &str = "tollgate-policy-version";

/// A service and its namespace.
#[derive(Debug)]
pub(super) struct Service {
    http: ClientWithMiddleware,
    base: Url,
    policy: Url,
    timeout: Duration,
    author: HeaderValue,
    reason: HeaderValue,
    authorization: Option<HeaderValue>,
}

/// The policy in force.
#[derive(Debug)]
pub(super) struct InForce {
    pub(super) document: Document,
    pub(super) version: u64,
    tag: HeaderValue,
}

/// What came of a change.
#[derive(Debug)]
pub(super) enum Change {
    /// It is in force, as this version.
    Done(u64),
    /// Somebody else has changed the policy meanwhile.
    Overtaken,
}

/// What the service says of a request that it does not carry out.
#[derive(Deserialize)]
struct Problem {
    detail: String,
}

impl Service {
    pub(super) fn new(http: &ClientWithMiddleware, settings: &Settings) -> Self {
        let mut policy = settings.url.clone();
        if let Ok(mut segments) = policy.path_segments_mut() {
            segments.pop_if_empty().extend(["v1", &settings.namespace, "policy"]);
        }
        Self {
            http: http.clone(),
            base: settings.url.clone(),
            policy,
            timeout: settings.timeout,
            author: settings.author.clone(),
            reason: settings.reason.clone(),
            authorization: settings.authorization.clone(),
        }
    }

    /// Reads the policy.
    pub(super) async fn policy(&self) -> anyhow::Result<InForce> {
        let answered = self.send(self.http.get(self.policy.clone())).await?;
        if answered.status != 200 {
            return Err(self.refused(&answered));
        }
        let is_none = || format!("what {} answers is no policy: check --url", self.base);
        let text = str::from_utf8(&answered.body).with_context(is_none)?;
        let version = version_of(&answered).with_context(is_none)?;
        let tag = answered.headers.get(ETAG).cloned().with_context(is_none)?;
        let document = Document::parse(text).map_err(|error| {
            anyhow!("the policy at {} can't be read by this version of tollgate: {error}", self.base)
        })?;
        Ok(InForce { document, version, tag })
    }

    /// Puts another policy in the place of the one that was read.
    pub(super) async fn put(&self, document: &Document, after: &InForce) -> anyhow::Result<Change> {
        let request = self
            .http
            .put(self.policy.clone())
            .header(CONTENT_TYPE, "application/json")
            .header(IF_MATCH, after.tag.clone())
            .header("tollgate-author", self.author.clone())
            .header("tollgate-reason", self.reason.clone())
            .body(document.to_json());
        let answered = self.send(request).await?;
        match answered.status {
            200 => {
                let is_none = || format!("{} does not tell the version: check --url", self.base);
                Ok(Change::Done(version_of(&answered).with_context(is_none)?))
            }
            412 => Ok(Change::Overtaken),
            _ => Err(self.refused(&answered)),
        }
    }

    async fn send(&self, request: RequestBuilder) -> anyhow::Result<Answered> {
        let request = match &self.authorization {
            Some(authorization) => request.header(AUTHORIZATION, authorization),
            None => request,
        };
        let answered = exchange::send(request, self.timeout).await;
        answered.with_context(|| format!("the service at {}", self.base))
    }

    fn refused(&self, answered: &Answered) -> anyhow::Error {
        let (base, status) = (&self.base, answered.status);
        match answered.json::<Problem>() {
            Ok(Problem { detail }) => {
                let detail = plain(&detail);
                anyhow!("the service at {base} answers {status}: {detail}")
            }
            Err(_) => anyhow!("the service at {base} answers {status} and does not say why: check --url"),
        }
    }
}

fn version_of(answered: &Answered) -> Option<u64> {
    answered.header(VERSION)?.parse().ok()
}

impl Change {
    /// How often a change is tried again that was overtaken.
    pub(super) const TRIES: usize = 3;

    /// Why it was not made.
    pub(super) fn given_up() -> anyhow::Error {
        anyhow!("the policy was changed by others {} times meanwhile; run this again", Self::TRIES)
    }
}
