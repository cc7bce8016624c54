//! What the tests begin with: a limiter, a client, a provider.

use std::time::Duration;

use reqwest_middleware::{ClientBuilder, ClientWithMiddleware};
use tollgate::{Policy, Tollgate};
use tollgate_reqwest::{Builder, Org, Outgoing, TollgateMiddleware};
use tollgate_simulator::{Config, Seed, Server};

/// Longest that a test waits for what must come.
pub(crate) const LONG: Duration = Duration::from_secs(20);

/// One limit for each org that refuses nothing by itself.
pub(crate) const WIDE: &str = "namespace = 'n'\nprovider = 'genesys-cloud'\n\
    [[limit]]\nname = 'org'\nnames = ['platform.api/org.rate']\nper = ['org']\nrate = '1000/s'\nburst = 1000\n";

pub(crate) async fn gate(policy: &str) -> Tollgate {
    Tollgate::embedded(Policy::from_toml(policy).expect(policy)).await.expect("it starts")
}

/// A middleware whose calls are those of the org that the request names; a request without one is not limited.
pub(crate) fn limited(gate: &Tollgate) -> Builder {
    TollgateMiddleware::builder(gate.clone(), |out: &Outgoing<'_>| {
        Some(out.call().org(out.org()?).client("app"))
    })
}

pub(crate) fn client(middleware: Builder) -> ClientWithMiddleware {
    ClientBuilder::new(reqwest::Client::new()).with(middleware.build()).build()
}

pub(crate) fn acme() -> Org {
    Org::new("acme")
}

pub(crate) async fn simulator(text: &str) -> Server {
    Server::start(Config::from_toml(text).expect(text), Seed::new(20_261_126)).await.expect("a port is free")
}

/// How much is left in the only bucket of the limit `org` of acme.
pub(crate) async fn remaining(gate: &Tollgate) -> u64 {
    gate.buckets_of("org", "acme").await.expect("it answers")[0].remaining
}

/// Lets time pass at once. The clock of the runtime goes on from there; a test that calls it has one thread.
pub(crate) async fn pass(time: Duration) {
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
}

/// Now, to tell how long something took.
#[expect(clippy::disallowed_methods, reason = "the tests measure what a caller would")]
pub(crate) fn now() -> tokio::time::Instant {
    tokio::time::Instant::now()
}
