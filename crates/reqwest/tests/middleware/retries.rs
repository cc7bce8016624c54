//! What failed is sent again where that is safe, and not for ever.

use std::time::Duration;

use anyhow::Result;
use futures_util::future::join_all;
use reqwest::{Method, StatusCode};
use tollgate_reqwest::RetryBudget;

use super::setup::{WIDE, acme, client, gate, limited, simulator};
use super::stub::{Stub, done, says};

/// How often a request is sent by this method that is answered 503 once.
async fn sent_at_503(method: Method) -> Result<(usize, StatusCode)> {
    let stub = Stub::start(vec![says(503, &[], ""), done()]).await;
    let gate = gate(WIDE).await;
    let answer = client(limited(&gate)).request(method, stub.url("/x")).with_extension(acme()).send().await?;
    Ok((stub.count(), answer.status()))
}

#[tokio::test]
async fn a_503_is_asked_again_only_by_methods_that_may() -> Result<()> {
    for method in [Method::GET, Method::HEAD, Method::OPTIONS, Method::PUT, Method::DELETE] {
        assert_eq!(sent_at_503(method.clone()).await?, (2, StatusCode::OK), "{method}");
    }
    for method in [Method::POST, Method::PATCH] {
        assert_eq!(sent_at_503(method.clone()).await?, (1, StatusCode::SERVICE_UNAVAILABLE), "{method}");
    }
    Ok(())
}

/// A connection that breaks without an answer: the call may have been carried out.
#[tokio::test]
async fn a_lost_connection_is_tried_again_only_by_methods_that_may() -> Result<()> {
    let server = simulator("shape = 'genesys-cloud'\n[faults]\nreset = 1.0\ncounted = true").await;
    let gate = gate(WIDE).await;
    let http = client(limited(&gate).max_retries(2));
    for (method, sent) in [(Method::POST, 1), (Method::PATCH, 1), (Method::GET, 3), (Method::PUT, 3)] {
        let request = http.request(method.clone(), server.url("/x")).bearer_auth("acme/app");
        let error = request.with_extension(acme()).send().await.expect_err("every connection is reset");
        assert!(!error.is_middleware(), "{error:?}");
        let ledger = server.ledger();
        let arrived = ledger.all().only(|entry| entry.method == method.as_str()).count();
        assert_eq!(arrived, sent, "{method}");
    }
    Ok(())
}

/// A provider that only fails gets what it was sent, and the budget of the time: 1 a second is 10 in ten seconds.
#[tokio::test]
async fn the_budget_ends_retries_under_a_provider_that_only_fails() -> Result<()> {
    let stub = Stub::start(vec![says(503, &[], "down")]).await;
    let gate = gate(WIDE).await;
    let budget = RetryBudget::default().percent(0).per_second(1);
    let http = client(limited(&gate).retry_budget(budget));
    let sends = (0..30).map(|_| http.get(stub.url("/x")).with_extension(acme()).send());
    for answer in join_all(sends).await {
        let answer = answer?;
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(answer.text().await?, "down", "the last answer reaches the caller");
    }
    assert_eq!(stub.count(), 30 + 10);
    Ok(())
}

/// Whoever has waited as long as was to be waited does not wait again.
#[tokio::test]
async fn a_timeout_is_not_tried_again() -> Result<()> {
    let stub = Stub::shut(vec![done()]).await;
    let gate = gate(WIDE).await;
    let request = client(limited(&gate)).get(stub.url("/x")).timeout(Duration::from_millis(100));
    let error = request.with_extension(acme()).send().await.expect_err("nobody answers");
    assert!(error.is_timeout(), "{error:?}");
    assert_eq!(stub.count(), 1);
    Ok(())
}

#[tokio::test]
async fn one_request_is_sent_again_only_so_often() -> Result<()> {
    let stub = Stub::start(vec![says(503, &[], "")]).await;
    let gate = gate(WIDE).await;
    let http = client(limited(&gate).max_retries(1));
    http.get(stub.url("/x")).with_extension(acme()).send().await?;
    assert_eq!(stub.count(), 2);
    Ok(())
}
