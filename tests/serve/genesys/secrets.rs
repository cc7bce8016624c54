//! Credentials: from the environment or a file, one kind of them, never shown.

use std::io::Write;

use anyhow::{Context, Result};
use serde_json::Value;
use tempfile::NamedTempFile;

use super::command::{Run, SECRET};
use super::taking_over::{PROVIDER, SHOP, provider, service};

fn file(text: &str) -> Result<NamedTempFile> {
    let mut file = tempfile::Builder::new().suffix(".toml").tempfile()?;
    file.write_all(text.as_bytes())?;
    Ok(file)
}

/// A file does as well as variables, and a token as well as a client.
#[tokio::test]
async fn a_file_or_a_token_does_as_well() -> Result<()> {
    let (api, provider) = (service().await?, provider(PROVIDER).await?);
    let of_client = file(&format!("client_id = 'app-1'\nclient_secret = '{SECRET}'"))?;
    let path = of_client.path().to_str().context("a path of UTF-8")?;
    let run = Run::anonymous(api.replica.base_url(), &provider.url(""))?.arguments(&SHOP);
    run.arguments(&["--credentials", path]).end().await?.done();

    let http = reqwest::Client::new();
    let request = http.post(provider.url("/oauth/token")).basic_auth("app-1", Some(SECRET));
    let request = request.header("content-type", "application/x-www-form-urlencoded");
    let given: Value = request.body("grant_type=client_credentials").send().await?.json().await?;
    let token = given["access_token"].as_str().context("a token")?;
    let run = Run::anonymous(api.replica.base_url(), &provider.url(""))?.arguments(&SHOP);
    let ran = run.env("TOLLGATE_GENESYS_TOKEN", token).end().await?;
    assert!(ran.done().contains("600/1m") && !ran.stdout.contains(token), "{ran:?}");
    Ok(())
}

/// Credentials that are not there, not whole, or not taken.
#[tokio::test]
async fn credentials_that_do_not_do_are_told_without_them() -> Result<()> {
    let (api, provider) = (service().await?, provider(PROVIDER).await?);
    let anonymous =
        || Run::anonymous(api.replica.base_url(), &provider.url("")).map(|run| run.arguments(&SHOP));
    anonymous()?.end().await?.failed(2, &["credentials: missing", "TOLLGATE_GENESYS_CLIENT_ID"]);
    let half = anonymous()?.env("TOLLGATE_GENESYS_CLIENT_SECRET", SECRET);
    half.end().await?.failed(2, &["a client's secret without its id"]);
    let both = Run::new(api.replica.base_url(), &provider.url(""))?.env("TOLLGATE_GENESYS_TOKEN", SECRET);
    both.end().await?.failed(2, &["a token beside a client"]);
    let broken = file(&format!("client_id = 'app-1'\nclient_secret = {SECRET}"))?;
    let path = broken.path().to_str().context("a path of UTF-8")?;
    anonymous()?.arguments(&["--credentials", path]).end().await?.failed(2, &[path, "line 2"]);
    let nowhere = anonymous()?.arguments(&["--credentials", "/nowhere/genesys.toml"]);
    nowhere.end().await?.failed(2, &["/nowhere/genesys.toml"]);

    let stranger = anonymous()?.env("TOLLGATE_GENESYS_CLIENT_ID", "app-2");
    let stranger = stranger.env("TOLLGATE_GENESYS_CLIENT_SECRET", SECRET).end().await?;
    stranger.failed(1, &["no token from 127.0.0.1", "check the client's id", "401"]);
    let old = Run::with_token(api.replica.base_url(), &provider.url(""))?.arguments(&SHOP).end().await?;
    old.failed(1, &["does not take the token (401)", "expired"]);
    Ok(())
}

/// Nothing goes over the network in the clear unless somebody says so.
#[tokio::test]
async fn credentials_are_not_sent_in_the_clear_to_other_machines() -> Result<()> {
    let run = Run::new("http://127.0.0.1:1", "http://api.example.com")?;
    run.end().await?.failed(2, &["api_url: plain http:// to api.example.com", "--insecure-http"]);
    let run = Run::new("http://127.0.0.1:1", &format!("https://u:{SECRET}@api.example.com"))?;
    run.end().await?.failed(2, &["api_url: has a user, a password"]);
    Ok(())
}
