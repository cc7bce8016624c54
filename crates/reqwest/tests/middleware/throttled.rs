//! A call that the provider throttles is sent again when it may.

use std::time::Duration;

use anyhow::Result;
use reqwest::StatusCode;
use tollgate_simulator::Verdict;

use super::setup::{WIDE, acme, client, gate, limited, now, simulator};
use super::stub::{Stub, done, says};

/// The provider's limit is narrower than the policy says. The refusal pauses the limit, and the next attempt waits for
/// its end.
#[tokio::test]
async fn a_throttled_get_succeeds_after_the_pause() -> Result<()> {
    let server = simulator(
        "shape = 'genesys-cloud'\n[[limit]]\nname = 'platform.api/org.rate'\nper = ['org']\n\
         kind = 'fixed-window'\nvalue = 2\nwindow = '1s'",
    )
    .await;
    let gate = gate(WIDE).await;
    let http = client(limited(&gate));
    for _ in 0..3 {
        let request = http.get(server.url("/api/v2/users")).bearer_auth("acme/app").with_extension(acme());
        assert_eq!(request.send().await?.status(), StatusCode::OK);
    }
    let ledger = server.ledger();
    let calls: Vec<_> = ledger.callers().entries().map(|entry| (entry.verdict, entry.at)).collect();
    let verdicts: Vec<_> = calls.iter().map(|(verdict, _)| *verdict).collect();
    assert_eq!(verdicts, [Verdict::Done, Verdict::Done, Verdict::Refused, Verdict::Done]);
    let waited = calls[3].1.since(calls[2].1);
    assert!(waited >= Duration::from_secs(1), "it came back {waited:?} after a Retry-After of 1");
    Ok(())
}

/// A 429 of this provider says that the call was not carried out, so that whatever it does it can be sent again. Its
/// body goes along.
#[tokio::test]
async fn a_throttled_post_is_sent_again_with_its_body() -> Result<()> {
    let stub = Stub::start(vec![says(429, &[("retry-after", "0")], "{}"), done()]).await;
    let gate = gate(WIDE).await;
    let request = client(limited(&gate)).post(stub.url("/x")).body("order 7").with_extension(acme());
    assert_eq!(request.send().await?.text().await?, "done");
    assert_eq!(stub.bodies(), [b"order 7", b"order 7"]);
    Ok(())
}

/// No limit of the policy explains the refusal, so nothing but this call knows of the wait.
#[tokio::test]
async fn where_no_limit_explains_it_the_told_time_is_waited() -> Result<()> {
    let stub = Stub::start(vec![says(429, &[("retry-after", "0.3")], ""), done()]).await;
    let gate = gate("namespace = 'n'\nprovider = 'shopify-rest'").await;
    let began = now();
    let answer = client(limited(&gate)).get(stub.url("/x")).with_extension(acme()).send().await?;
    assert_eq!((answer.status(), stub.count()), (StatusCode::OK, 2));
    assert!(began.elapsed() >= Duration::from_millis(300), "{:?}", began.elapsed());
    Ok(())
}

/// The provider names a limit that the policy only observes: its pause has nobody wait, and yet the provider is given
/// its time.
#[tokio::test]
async fn where_the_limit_is_only_observed_the_told_time_is_waited() -> Result<()> {
    let body = r#"{"limit":{"namespace":"platform.api","key":"org.rate"}}"#;
    let stub = Stub::start(vec![says(429, &[("retry-after", "1")], body), done()]).await;
    let gate = gate(&format!("{WIDE}mode = 'observe'")).await;
    let began = now();
    let answer = client(limited(&gate)).get(stub.url("/x")).with_extension(acme()).send().await?;
    assert_eq!((answer.status(), stub.count()), (StatusCode::OK, 2));
    assert!(began.elapsed() >= Duration::from_secs(1), "{:?}", began.elapsed());
    Ok(())
}

/// A request that the classifier knows nothing of is not limited, and what is answered to it is its own affair.
#[tokio::test]
async fn a_request_that_is_not_limited_is_sent_as_it_is() -> Result<()> {
    let stub = Stub::start(vec![says(429, &[("retry-after", "0")], ""), done()]).await;
    let gate = gate(WIDE).await;
    let answer = client(limited(&gate)).get(stub.url("/x")).send().await?;
    assert_eq!((answer.status(), stub.count()), (StatusCode::TOO_MANY_REQUESTS, 1));
    Ok(())
}

/// A stream can be sent once only.
#[tokio::test]
async fn a_body_that_is_a_stream_is_not_sent_again() -> Result<()> {
    let stub = Stub::start(vec![says(429, &[("retry-after", "0")], ""), done()]).await;
    let gate = gate(WIDE).await;
    let stream = reqwest::Body::wrap(http_body_util::Full::new(bytes::Bytes::from_static(b"once")));
    let answer =
        client(limited(&gate)).put(stub.url("/x")).body(stream).with_extension(acme()).send().await?;
    assert_eq!((answer.status(), stub.count()), (StatusCode::TOO_MANY_REQUESTS, 1));
    Ok(())
}
