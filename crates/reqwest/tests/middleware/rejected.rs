//! A token that the provider does not take is renewed once, and the request sent once more.

use std::time::Duration;

use anyhow::Result;
use reqwest::StatusCode;
use reqwest_middleware::{ClientBuilder, ClientWithMiddleware};
use tollgate::Tollgate;
use tollgate_reqwest::oauth::{Credentials, OauthMiddleware, TokenError, TokenSource};
use tollgate_reqwest::{Error, Within, error_in};

use super::setup::{LONG, WIDE, acme, gate, limited, remaining, simulator};
use super::stub::{Stub, done, says, token};

fn client(gate: &Tollgate, endpoint: reqwest::Url) -> ClientWithMiddleware {
    let tokens = TokenSource::new(reqwest::Client::new(), gate.adapter());
    tokens.put("acme", Credentials::new(endpoint, "app-1", "s-1"));
    ClientBuilder::new(reqwest::Client::new())
        .with(OauthMiddleware::new(tokens))
        .with(limited(gate).build())
        .build()
}

/// The provider has forgotten every token that it gave.
#[tokio::test]
async fn a_forgotten_token_is_renewed_and_the_request_sent_again() -> Result<()> {
    let server = simulator(
        "shape = 'genesys-cloud'\n[[client]]\nid = 'app-1'\nsecret = 's-1'\norg = 'acme'\n[oauth]\nlifetime = '1h'",
    )
    .await;
    let gate = gate(WIDE).await;
    let http = client(&gate, server.url("/oauth/token").parse()?);
    let send = || http.get(server.url("/api/v2/users")).with_extension(acme()).send();
    assert_eq!(send().await?.status(), StatusCode::OK);
    server.reset();
    assert_eq!(send().await?.status(), StatusCode::OK);
    let ledger = server.ledger();
    let paths: Vec<_> = ledger.callers().entries().map(|entry| entry.path.to_owned()).collect();
    assert_eq!(paths, ["/api/v2/users", "/oauth/token", "/api/v2/users"]);
    Ok(())
}

/// A provider that takes no token gets a second one, and then no more of them.
#[tokio::test]
async fn a_new_token_that_is_rejected_too_is_the_last() -> Result<()> {
    let endpoint = Stub::start(vec![token("t-1", 3600), token("t-2", 3600), token("t-3", 3600)]).await;
    let api = Stub::start(vec![says(401, &[], "")]).await;
    let gate =
        gate("namespace = 'n'\n[[limit]]\nname = 'org'\nper = ['org']\nquota = '101/30d'\nburst = 100").await;
    let http = client(&gate, endpoint.url("/oauth/token"));
    for (sent, given) in [(2, 2), (3, 2), (4, 2)] {
        let answer = http.post(api.url("/x")).body("b").with_extension(acme()).send().await?;
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
        assert_eq!((api.count(), endpoint.count()), (sent, given));
    }
    assert_eq!(api.header("authorization"), ["Bearer t-1", "Bearer t-2", "Bearer t-2", "Bearer t-2"]);
    assert_eq!(remaining(&gate).await, 100 - 4, "what is sent again is charged again");
    Ok(())
}

/// Whoever brings a token of his own, or no organisation, is not given one.
#[tokio::test]
async fn requests_that_need_no_token_are_sent_as_they_are() -> Result<()> {
    let endpoint = Stub::start(vec![token("t-1", 3600)]).await;
    let api = Stub::start(vec![done()]).await;
    let gate = gate(WIDE).await;
    let http = client(&gate, endpoint.url("/oauth/token"));
    http.get(api.url("/x")).bearer_auth("own").with_extension(acme()).send().await?;
    http.get(api.url("/x")).send().await?;
    assert_eq!(api.header("authorization"), ["Bearer own", ""]);
    assert_eq!(endpoint.count(), 0);
    Ok(())
}

/// One deadline holds for the token and for the permit. Without a token nothing is asked of the limits.
#[tokio::test]
async fn a_request_waits_for_its_token_no_longer_than_it_may() -> Result<()> {
    let endpoint = Stub::shut(vec![token("t-1", 3600)]).await;
    let api = Stub::start(vec![done()]).await;
    let gate = gate(WIDE).await;
    let http = client(&gate, endpoint.url("/oauth/token"));
    let send = |within| http.get(api.url("/x")).with_extension(acme()).with_extension(Within(within)).send();
    let error = send(Duration::from_millis(20)).await.expect_err("it comes too late");
    assert!(matches!(error_in(&error), Some(Error::Token(TokenError::Late))), "{error:?}");
    assert_eq!((api.count(), remaining(&gate).await), (0, 1000));
    endpoint.open(1);
    assert_eq!(send(LONG).await?.status(), StatusCode::OK);
    assert_eq!(endpoint.count(), 1);
    Ok(())
}
