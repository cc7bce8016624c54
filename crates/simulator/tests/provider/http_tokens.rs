//! Tokens over HTTP: given to clients, refused to those who ask too often, good for as long as they live.

use anyhow::{Context, Result};
use reqwest::{Client, RequestBuilder, StatusCode};
use serde_json::Value;
use tollgate_simulator::{Seed, Server, Verdict};
use tollgate_testkit::eventually;

use super::settings::{STACKED, config};

fn token_request(server: &Server, secret: &str, form: &'static str) -> RequestBuilder {
    let request = Client::new().post(server.url("/oauth/token")).basic_auth("app-7", Some(secret));
    request.header("content-type", "application/x-www-form-urlencoded").body(form)
}

const GRANT: &str = "grant_type=client_credentials";

#[tokio::test]
async fn a_client_gets_a_token_and_calls_with_it_for_its_org() -> Result<()> {
    let server = Server::start(config(STACKED), Seed::new(1)).await?;
    let body: Value =
        token_request(&server, "secret-7", GRANT).send().await?.error_for_status()?.json().await?;
    assert_eq!((&body["token_type"], &body["expires_in"]), (&"bearer".into(), &86_400.into()), "{body}");
    let token = body["access_token"].as_str().context("a token")?;
    let call = Client::new().get(server.url("/api/v2/users")).bearer_auth(token).send().await?;
    assert_eq!(call.status(), StatusCode::OK);
    assert_eq!(server.ledger().callers().org("org-7").client("app-7").count(), 2);
    Ok(())
}

#[tokio::test]
async fn who_asks_for_tokens_too_often_is_answered_400() -> Result<()> {
    let server = Server::start(config(STACKED), Seed::new(1)).await?;
    let mut statuses = Vec::new();
    let mut last = String::new();
    for _ in 0..3 {
        let answer = token_request(&server, "secret-7", GRANT).send().await?;
        statuses.push(answer.status().as_u16());
        assert_eq!(answer.headers().get("retry-after"), None);
        last = answer.text().await?;
    }
    assert_eq!(statuses, [200, 200, 400]);
    assert!(last.contains("invalid_request (rate limit exceeded;"), "{last}");
    Ok(())
}

#[tokio::test]
async fn strangers_get_no_token_and_no_answer() -> Result<()> {
    let server = Server::start(config(STACKED), Seed::new(1)).await?;
    let status =
        async |request: RequestBuilder| Ok::<_, reqwest::Error>(request.send().await?.status().as_u16());
    assert_eq!(status(token_request(&server, "guess", GRANT)).await?, 401);
    assert_eq!(status(token_request(&server, "secret-7", "grant_type=password")).await?, 400);
    assert_eq!(status(Client::new().post(server.url("/oauth/token"))).await?, 401);
    assert_eq!(status(Client::new().get(server.url("/api/v2/users"))).await?, 401);
    assert_eq!(status(Client::new().get(server.url("/api/v2/users")).bearer_auth("made-up")).await?, 401);
    let ledger = server.ledger();
    let unauthorized = ledger.all().only(|entry| entry.verdict == Verdict::Unauthorized).count();
    assert_eq!(unauthorized, 5);
    Ok(())
}

#[tokio::test]
async fn a_token_that_is_too_old_is_answered_401() -> Result<()> {
    let server = Server::start(config(&STACKED.replace("24h", "200ms")), Seed::new(1)).await?;
    let body: Value = token_request(&server, "secret-7", GRANT).send().await?.json().await?;
    let token = body["access_token"].as_str().context("a token")?;
    let status = async || {
        let sent = Client::new().get(server.url("/api/v2/queues")).bearer_auth(token).send().await;
        match sent.map(|answer| answer.status().as_u16()) {
            Ok(401) => Ok(()),
            other => Err(format!("{other:?}")),
        }
    };
    eventually("the token's end", std::time::Duration::from_secs(10), status).await
}
