//! A call is in flight until the body of its answer has ended.

use std::time::Duration;

use anyhow::Result;
use axum::body::{Body, Bytes};
use axum::http::Response;
use futures_util::stream;
use tollgate::{Call, Tollgate};
use tollgate_testkit::eventually;

use super::setup::{LONG, acme, client, gate, limited, remaining};
use super::stub::{Make, Stub, done, says};

/// One call at a time.
pub(crate) const ONE: &str = "namespace = 'n'\nprovider = 'genesys-cloud'\n\
    [[limit]]\nname = 'org'\nper = ['org']\nconcurrent = 1\nlease = '1h'\n";

/// Waits until no call is in flight.
pub(crate) async fn free(gate: &Tollgate) -> Result<()> {
    eventually("the end of the call", LONG, async || match remaining(gate).await {
        1 => Ok(()),
        other => Err(format!("{other} places are free")),
    })
    .await
}

/// The only place is not given to anybody who waits for it a while. To look once would not do: who leaves is heard of
/// later.
async fn taken(gate: &Tollgate) {
    let call = Call::get("/other").org("acme");
    let second = gate.acquire(&call).within(Duration::from_millis(300)).await;
    assert!(matches!(second, Err(tollgate::Error::Refused(_))), "the call is in flight: {second:?}");
}

/// A body that begins, and goes on for ever.
fn endless() -> Make {
    Box::new(|| {
        let first = stream::iter([Ok::<_, std::io::Error>(Bytes::from_static(b"first"))]);
        let body = futures_util::StreamExt::chain(first, stream::pending());
        Response::new(Body::from_stream(body))
    })
}

#[tokio::test]
async fn the_place_is_kept_until_the_body_has_been_read() -> Result<()> {
    let stub = Stub::start(vec![done()]).await;
    let gate = gate(ONE).await;
    let answer = client(limited(&gate)).get(stub.url("/x")).with_extension(acme()).send().await?;
    taken(&gate).await;
    assert_eq!(answer.text().await?, "done");
    free(&gate).await
}

/// A stream reaches its caller while it lasts, and is in flight as long.
#[tokio::test]
async fn a_stream_is_in_flight_until_it_is_dropped() -> Result<()> {
    let stub = Stub::start(vec![endless()]).await;
    let gate = gate(ONE).await;
    let mut answer = client(limited(&gate)).get(stub.url("/x")).with_extension(acme()).send().await?;
    assert_eq!(answer.chunk().await?.as_deref(), Some(&b"first"[..]));
    taken(&gate).await;
    drop(answer);
    free(&gate).await
}

/// The timeout of a request goes on while its body is read, and its end is that of the call.
#[tokio::test]
async fn a_body_that_comes_too_late_is_a_timeout_and_over() -> Result<()> {
    let stub = Stub::start(vec![endless()]).await;
    let gate = gate(ONE).await;
    let request = client(limited(&gate)).get(stub.url("/x")).timeout(Duration::from_millis(200));
    let mut answer = request.with_extension(acme()).send().await?;
    assert_eq!(answer.chunk().await?.as_deref(), Some(&b"first"[..]));
    let error = answer.chunk().await.expect_err("nothing more comes");
    assert!(error.is_timeout(), "{error:?}");
    free(&gate).await?;
    drop(answer);
    Ok(())
}

/// The next attempt needs the place of the one before.
#[tokio::test]
async fn an_attempt_does_not_stand_in_its_own_way() -> Result<()> {
    let stub = Stub::start(vec![says(503, &[], "busy"), done()]).await;
    let gate = gate(ONE).await;
    let answer = client(limited(&gate)).get(stub.url("/x")).with_extension(acme()).send().await?;
    assert_eq!((answer.text().await?.as_str(), stub.count()), ("done", 2));
    free(&gate).await
}

/// Answers without a body are over when they come.
#[tokio::test]
async fn an_answer_without_a_body_is_over_at_once() -> Result<()> {
    let stub = Stub::start(vec![says(204, &[], "")]).await;
    let gate = gate(ONE).await;
    let answer = client(limited(&gate)).get(stub.url("/x")).with_extension(acme()).send().await?;
    free(&gate).await?;
    assert_eq!(answer.status(), 204);
    Ok(())
}
