//! The provider's limits API: what is in force for the organisation whose client asks.

use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use reqwest::Url;
use reqwest::header::{AUTHORIZATION, HeaderValue};
use reqwest_middleware::ClientWithMiddleware;
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde_json::Value;
use tollgate::provider::{Adapter, Answer};
use tollgate_reqwest::oauth::{self, TokenError, TokenSource};

use super::credentials::Credentials;
use super::effective::EffectiveLimit;
use super::exchange::{self, Answered};
use super::settings::Settings;
use crate::clock;

const NAMESPACES: &str = "api/v2/organizations/limits/namespaces";

/// More than the provider has; a list that never ends is none of its.
const PAGES_MAX: u64 = 100;
const NAMESPACES_MAX: usize = 1_000;
const ENTITIES_MAX: usize = 100_000;
const NAME_BYTES_MAX: usize = 256;
const PAGE_SIZE: u64 = 100;

/// The API of one organisation.
#[derive(Debug)]
pub(super) struct LimitsApi {
    http: ClientWithMiddleware,
    url: Url,
    timeout: Duration,
    authorization: HeaderValue,
}

/// All that it says.
#[derive(Debug, Default)]
pub(super) struct Told {
    pub(super) limits: Vec<EffectiveLimit>,
    /// Namespaces that it lists and has nothing of.
    pub(super) empty: Vec<String>,
}

/// A list, in pages where there are many.
#[derive(Deserialize)]
struct Page<T> {
    entities: Option<Vec<T>>,
    #[serde(rename = "pageCount")]
    count: Option<u64>,
    #[serde(rename = "nextUri")]
    next: Option<String>,
}

#[derive(Deserialize)]
struct Entity {
    key: String,
    namespace: Option<String>,
    #[serde(default)]
    value: Value,
}

impl LimitsApi {
    /// Gets a token, if there is none yet.
    pub(super) async fn connect(http: &ClientWithMiddleware, settings: &Settings) -> anyhow::Result<Self> {
        let authorization = match &settings.credentials {
            Credentials::Token(token) => bearer(token.expose_secret())?,
            Credentials::Client { id, secret } => {
                let adapter = adapter()?;
                let tokens = TokenSource::new(http.clone(), adapter);
                let credentials =
                    oauth::Credentials::new(settings.token_url.clone(), id, secret.expose_secret());
                tokens.put(&settings.org, credentials);
                let token = tokens.authorization(&settings.org, settings.timeout).await;
                token.map_err(|error| no_token(error, &settings.token_url))?
            }
        };
        let (url, timeout) = (settings.api_url.clone(), settings.timeout);
        Ok(Self { http: http.clone(), url, timeout, authorization })
    }

    /// The limits of these namespaces, or of all there are, in the order in which they are told.
    pub(super) async fn read(&self, only: &[String]) -> anyhow::Result<Told> {
        let namespaces = if only.is_empty() { self.namespaces().await? } else { only.to_vec() };
        let mut told = Told::default();
        for namespace in namespaces {
            match self.pages::<Entity>(&[&namespace]).await? {
                None if only.is_empty() => told.empty.push(namespace),
                None => bail!("the provider has no namespace {namespace:?} of limits"),
                Some(entities) => {
                    self.check_count(told.limits.len() + entities.len())?;
                    for entity in entities {
                        told.limits.push(effective(entity, &namespace)?);
                    }
                }
            }
        }
        Ok(told)
    }

    async fn namespaces(&self) -> anyhow::Result<Vec<String>> {
        let names = self.pages::<String>(&[]).await?.unwrap_or_default();
        if names.is_empty() {
            bail!("the provider's API at {} has no limits to tell: check --api-url", self.url);
        }
        anyhow::ensure!(
            names.len() <= NAMESPACES_MAX,
            "the provider lists more than {NAMESPACES_MAX} namespaces"
        );
        names.iter().try_for_each(|name| check_name(name))?;
        Ok(names)
    }

    /// All pages of a list; `None` if there is no such list.
    async fn pages<T: for<'de> Deserialize<'de>>(&self, below: &[&str]) -> anyhow::Result<Option<Vec<T>>> {
        let mut url = self.url.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(NAMESPACES.split('/')).extend(below);
        }
        let mut entities = Vec::new();
        for number in 1..=PAGES_MAX {
            // By number: an address in an answer might lead elsewhere, and the token with it. The size is the same on
            // every page, or some would be left out.
            url.set_query(Some(&format!("pageSize={PAGE_SIZE}&pageNumber={number}")));
            let answered = self.get(url.clone()).await?;
            if answered.status == 404 && number == 1 {
                return Ok(None);
            }
            let page: Page<T> = self.understood(&answered)?;
            let further = match page.entities {
                Some(further) => further,
                None if number == 1 => return Ok(None),
                None => bail!("page {number} of the list at {} is no list: try again later", url.path()),
            };
            let is_last = further.is_empty()
                || match page.count {
                    Some(count) => number >= count,
                    None => page.next.is_none(),
                };
            entities.extend(further);
            self.check_count(entities.len())?;
            if is_last {
                return Ok(Some(entities));
            }
        }
        bail!("the list at {} has more than {PAGES_MAX} pages", url.path())
    }

    fn check_count(&self, entities: usize) -> anyhow::Result<()> {
        let at = &self.url;
        anyhow::ensure!(
            entities <= ENTITIES_MAX,
            "the provider's API at {at} tells of more than {ENTITIES_MAX} limits"
        );
        Ok(())
    }

    async fn get(&self, url: Url) -> anyhow::Result<Answered> {
        let request = self.http.get(url).header(AUTHORIZATION, self.authorization.clone());
        let answered = exchange::send(request.header("accept", "application/json"), self.timeout).await;
        answered.with_context(|| format!("the provider's API at {}", self.url))
    }

    /// The body, if it is what was asked for; or what to do about what it is.
    fn understood<T: for<'de> Deserialize<'de>>(&self, answered: &Answered) -> anyhow::Result<T> {
        let at = &self.url;
        match answered.status {
            200 => answered.json().map_err(|place| {
                anyhow!(
                    "what the provider's API at {at} answers is no list of limits ({place}): check --api-url"
                )
            }),
            401 => bail!(
                "the provider does not take the token (401): if it is a bearer token it may have expired; if it is a client's, check \
                 that the client is of the region of {at}"
            ),
            403 => bail!(
                "the provider does not let this client read limits (403): give its role the permission limits:organization:view"
            ),
            429 => bail!("the provider throttles this client (429): try again in {}", wait_in(answered)),
            status if status >= 500 => bail!("the provider's API at {at} fails ({status}): try again later"),
            status => bail!("the provider's API at {at} answers {status}, expected 200: check --api-url"),
        }
    }
}

fn adapter() -> anyhow::Result<std::sync::Arc<Adapter>> {
    Adapter::built_in("genesys-cloud").context("there is no adapter for Genesys Cloud")
}

fn bearer(token: &str) -> anyhow::Result<HeaderValue> {
    let value = HeaderValue::try_from(format!("Bearer {}", token.trim()));
    // The error's own words are not needed, and its value is a secret.
    let mut value = value.map_err(|_| anyhow!("credentials: the token can't stand in a header field"))?;
    value.set_sensitive(true);
    Ok(value)
}

fn no_token(error: TokenError, url: &Url) -> anyhow::Error {
    let advice = match &error {
        TokenError::Rejected { .. } => "check the client's id and its secret, and that it is of this region",
        TokenError::Throttled { .. } => "try again then",
        TokenError::Late => "--timeout gives it longer",
        TokenError::Unusable { .. } => "check --token-url",
        _ => "try again later, or check --token-url",
    };
    let at = url.host_str().unwrap_or_default();
    anyhow::Error::from(error).context(format!("no token from {at}; {advice}"))
}

/// How long the provider wants to be left alone, rounded up to seconds.
fn wait_in(answered: &Answered) -> String {
    let Ok(adapter) = adapter() else { return "a minute".to_owned() };
    let answer = Answer {
        status: answered.status,
        headers: &answered.headers,
        body: Some(&answered.body),
        received_at: clock::now(),
    };
    let wait = adapter.read(&answer).throttled.map(|throttled| throttled.wait.duration).unwrap_or_default();
    format!("{} s", wait.as_millis().div_ceil(1_000).max(1))
}

fn effective(entity: Entity, asked: &str) -> anyhow::Result<EffectiveLimit> {
    let Entity { key, namespace, value } = entity;
    let namespace = namespace.unwrap_or_else(|| asked.to_owned());
    check_name(&key)?;
    check_name(&namespace)?;
    Ok(EffectiveLimit { namespace, key, value })
}

/// Names are shown, and come from outside.
fn check_name(name: &str) -> anyhow::Result<()> {
    let fits = (1..=NAME_BYTES_MAX).contains(&name.len()) && !name.contains(char::is_control);
    anyhow::ensure!(
        fits,
        "the provider names a limit with no, too many or control characters: check --api-url"
    );
    Ok(())
}
