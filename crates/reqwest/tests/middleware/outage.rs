//! While the store does not answer, requests fail or are sent anyway, as the application wants.

use anyhow::{Context, Result};
use tollgate::{Begin, Policy, Tollgate};
use tollgate_reqwest::{Error, OnStoreError, error_in};
use tollgate_testkit::RedisServer;

use super::setup::{WIDE, acme, client, limited};
use super::stub::{Stub, done};

/// A limiter whose store has just gone.
async fn stranded() -> Result<Tollgate> {
    let server = RedisServer::start()?;
    let policy = Policy::from_toml(WIDE)?;
    let builder = Tollgate::builder("n").store(server.url().parse()?).policy(policy).begin(Begin::Full);
    Ok(builder.connect().await?)
}

#[tokio::test]
async fn a_request_fails_unless_it_is_to_be_sent_anyway() -> Result<()> {
    let stub = Stub::start(vec![done()]).await;
    let gate = stranded().await?;
    let request = client(limited(&gate)).get(stub.url("/x")).with_extension(acme());
    let error = request.send().await.err().context("the store is gone")?;
    assert!(matches!(error_in(&error), Some(Error::Limiter(tollgate::Error::Store(_)))), "{error:?}");
    assert_eq!(stub.count(), 0);

    let anyway = client(limited(&gate).on_store_error(OnStoreError::SendAnyway));
    let answer = anyway.get(stub.url("/x")).with_extension(acme()).send().await?;
    assert_eq!((answer.text().await?.as_str(), stub.count()), ("done", 1));
    Ok(())
}
