//! Fifty calls for three organisations through their limits, each with a token of its own.
//!
//! `cargo run -p tollgate-reqwest --example reqwest` plays the provider itself; with a URL it calls the one there.

use std::error::Error;

use futures_util::future::join_all;
use reqwest_middleware::ClientBuilder;
use tollgate::{Policy, Tollgate};
use tollgate_reqwest::oauth::{Credentials, OauthMiddleware, TokenSource};
use tollgate_reqwest::{Org, Outgoing, TollgateMiddleware};
use tollgate_simulator::{Config, Seed, Server};

pub(crate) const POLICY: &str = include_str!("../../../examples/genesys.toml");
const PROVIDER: &str = include_str!("../../../examples/provider.toml");

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let gate = Tollgate::embedded(Policy::from_toml(POLICY)?).await?;
    let server = provider().await?;
    let url = std::env::args().nth(1).unwrap_or_else(|| server.url(""));
    run(gate, &url).await?;
    Ok(())
}

pub(crate) async fn provider() -> Result<Server, Box<dyn Error>> {
    Ok(Server::start(Config::from_toml(PROVIDER)?, Seed::new(1)).await?)
}

/// How many calls were done, and how many were not.
pub(crate) async fn run(gate: Tollgate, provider: &str) -> Result<(usize, usize), Box<dyn Error>> {
    // Each organisation has a client and a secret of its own.
    let tokens = TokenSource::new(reqwest::Client::new(), gate.adapter());
    for n in 1..=3 {
        let endpoint = format!("{provider}/oauth/token").parse()?;
        tokens.put(format!("org-{n}"), Credentials::new(endpoint, format!("app-{n}"), format!("secret-{n}")));
    }

    // Which call a request is: for which organisation, and by which client.
    let classify = |out: &Outgoing<'_>| Some(out.call().org(out.org()?).client(out.org()?));
    let http = ClientBuilder::new(reqwest::Client::new())
        .with(OauthMiddleware::new(tokens))
        .with(TollgateMiddleware::new(gate, classify))
        .build();

    let calls = (0..50).map(|n| {
        let org = Org::new(format!("org-{}", n % 3 + 1));
        http.get(format!("{provider}/api/v2/users?pageNumber={n}")).with_extension(org).send()
    });
    let answers = join_all(calls).await;
    let done = answers.iter().flatten().filter(|answer| answer.status().is_success()).count();
    let failed = answers.len() - done;
    println!("{done} calls were done, {failed} were not");
    Ok((done, failed))
}
