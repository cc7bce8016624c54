//! The replicas of a fleet: each is a process of its own in all that decides when a call is sent.

use std::time::Duration;

use reqwest::StatusCode;
use reqwest_middleware::{ClientBuilder, ClientWithMiddleware};
use tollgate::embedded::{Clock, EmbeddedStore};
use tollgate::{Begin, Builder, Policy, Priority, StoreAddress, Tollgate};
use tollgate_reqwest::{Org, Outgoing, TollgateMiddleware};

use crate::bucket::TokenBucket;
use crate::client::Client;
use crate::error::DemoError;
use crate::retry::Retry;
use crate::settings::Settings;
use crate::way::Way;

/// The OAuth client that all organisations share.
const OAUTH_CLIENT: &str = "app";

/// Batch work waits for as long as it takes.
const WITHIN: Duration = Duration::from_secs(3_600);

/// The replicas, by one of the three ways. They share the connections to the provider, and nothing else.
#[derive(Debug)]
pub(crate) struct Fleet {
    replicas: Vec<ClientWithMiddleware>,
    pub(crate) way: Way,
}

/// A caller at a replica.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    http: ClientWithMiddleware,
    url: String,
    org: Org,
    priority: Priority,
}

impl Fleet {
    pub(crate) async fn start(
        settings: &Settings,
        client: Client,
        namespace: &str,
    ) -> Result<Self, DemoError> {
        // Neither the draws of the traffic nor those of the retries.
        let way = Way::new(settings.scenario.way, !settings.seed);
        // A proxy of the environment is not for the loopback.
        let http = reqwest::Client::builder().no_proxy().build()?;
        let stack = || ClientBuilder::new(http.clone());
        let retry = |replica: usize| Retry::new(settings.seed.wrapping_add(replica as u64));
        let numbers = 0..settings.replicas;
        let replicas = match client {
            Client::RetryOnly => numbers.map(|n| stack().with(retry(n)).with(way.clone()).build()).collect(),
            Client::PerProcess => numbers
                .map(|n| stack().with(retry(n)).with(share_of(settings)).with(way.clone()).build())
                .collect(),
            Client::Tollgate => {
                let gates = gates(settings, namespace).await?;
                gates.into_iter().map(|gate| stack().with(limited(gate)).with(way.clone()).build()).collect()
            }
        };
        Ok(Self { replicas, way })
    }

    pub(crate) fn caller(&self, replica: usize, org: &str, url: String, priority: Priority) -> Caller {
        Caller { http: self.replicas[replica].clone(), url, org: Org::new(org), priority }
    }
}

impl Caller {
    /// Sends a call until it is done.
    pub(crate) async fn call(&self) -> Result<(), DemoError> {
        // Without tokens of its own the provider is told like this who calls.
        let token = format!("{}/{OAUTH_CLIENT}", self.org.name());
        loop {
            let request = self.http.get(&self.url).bearer_auth(&token);
            let answer =
                request.with_extension(self.org.clone()).with_extension(self.priority).send().await?;
            let status = answer.status();
            // Read to its end, so that its connection can be used again.
            answer.bytes().await?;
            match status {
                StatusCode::OK => return Ok(()),
                StatusCode::TOO_MANY_REQUESTS => {}
                other => return Err(DemoError::Status(other.as_u16())),
            }
        }
    }
}

/// A process's share of what is known, evenly.
fn share_of(settings: &Settings) -> TokenBucket {
    let window = Duration::from_secs(settings.scenario.window_s);
    let replicas = u32::try_from(settings.replicas).unwrap_or(u32::MAX);
    TokenBucket::with_gap(window * replicas / settings.scenario.known_calls)
}

/// What stands in front of a replica's calls.
fn limited(gate: Tollgate) -> TollgateMiddleware {
    let classify = |out: &Outgoing<'_>| {
        let priority = out.extension().copied().unwrap_or_default();
        Some(out.call().org(out.org()?).client(OAUTH_CLIENT).priority(priority))
    };
    TollgateMiddleware::builder(gate, classify).within(WITHIN).build()
}

/// A limiter for each replica, each on a connection of its own; or all on one embedded store.
async fn gates(settings: &Settings, namespace: &str) -> Result<Vec<Tollgate>, DemoError> {
    let policy = settings.scenario.policy(namespace)?;
    let embedded = EmbeddedStore::new(Clock::System);
    let mut gates = Vec::new();
    for _ in 0..settings.replicas {
        let builder = match &settings.store {
            StoreAddress::Embedded => Tollgate::builder(namespace).embedded_store(embedded.clone()),
            address => Tollgate::builder(namespace).store(address.clone()),
        };
        let gate = connect(builder, policy.clone()).await;
        gates.push(gate.map_err(|source| DemoError::limiter(namespace, source))?);
    }
    Ok(gates)
}

/// The namespace is new: nothing can have been spent in it.
async fn connect(builder: Builder, policy: Policy) -> Result<Tollgate, tollgate::Error> {
    // Boxed: it is large, and so would be every future that it is part of.
    Box::pin(builder.policy(policy).begin(Begin::Full).connect()).await
}
