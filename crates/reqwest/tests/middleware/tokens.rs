//! Tokens are asked for once, renewed in time, and waited for no longer than is allowed.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use futures_util::future::try_join_all;
use tollgate::provider::Adapter;
use tollgate_reqwest::oauth::{Credentials, TokenError, TokenSource};
use tollgate_testkit::eventually;

use super::setup::{LONG, pass};
use super::stub::{Make, Stub, says, token};

fn genesys() -> Arc<Adapter> {
    Adapter::built_in("genesys-cloud").expect("it is built in")
}

fn source(stub: &Stub) -> TokenSource {
    let tokens = TokenSource::new(reqwest::Client::new(), genesys());
    tokens.put("acme", Credentials::new(stub.url("/oauth/token"), "app-1", "s-1"));
    tokens
}

fn throttled() -> Make {
    says(400, &[], r#"{"error":"invalid_request (rate limit exceeded; try again later)"}"#)
}

async fn asked(stub: &Stub, times: usize) -> Result<()> {
    eventually("a request for a token", LONG, async || match stub.count() {
        count if count == times => Ok(()),
        other => Err(format!("{other} requests")),
    })
    .await
}

#[tokio::test]
async fn twenty_callers_make_one_request() -> Result<()> {
    let stub = Stub::shut(vec![token("t-1", 3600), token("t-2", 3600)]).await;
    let tokens = source(&stub);
    let callers = try_join_all((0..20).map(|_| tokens.authorization("acme", LONG)));
    let opened = async {
        asked(&stub, 1).await.expect("one of them asks");
        stub.open(20);
    };
    let (headers, ()) = tokio::join!(callers, opened);
    let headers = headers?;
    assert!(headers.iter().all(|header| header == "Bearer t-1" && header.is_sensitive()), "{headers:?}");
    assert_eq!(stub.count(), 1);
    // Basic authentication of `app-1:s-1`.
    assert_eq!(stub.header("authorization"), ["Basic YXBwLTE6cy0x"]);
    assert_eq!(stub.bodies(), [b"grant_type=client_credentials"]);
    Ok(())
}

/// Whoever asked first has gone; the others get what was asked for.
#[tokio::test]
async fn a_caller_who_gives_up_takes_nothing_along() -> Result<()> {
    let stub = Stub::shut(vec![token("t-1", 3600), token("t-2", 3600)]).await;
    let tokens = source(&stub);
    let first = tokio::spawn({
        let tokens = tokens.clone();
        async move { tokens.authorization("acme", LONG).await }
    });
    asked(&stub, 1).await?;
    first.abort();
    assert!(first.await.is_err_and(|error| error.is_cancelled()));
    stub.open(20);
    assert_eq!(tokens.authorization("acme", LONG).await?, "Bearer t-1");
    assert_eq!(stub.count(), 1);
    Ok(())
}

/// At 11/12 of an hour, while the old one still serves.
#[tokio::test(flavor = "current_thread")]
async fn a_token_is_renewed_before_it_expires() -> Result<()> {
    let stub = Stub::start(vec![token("t-1", 3600), token("t-2", 3600)]).await;
    let tokens = source(&stub);
    assert_eq!(tokens.authorization("acme", LONG).await?, "Bearer t-1");
    pass(Duration::from_secs(3290)).await;
    assert_eq!(tokens.authorization("acme", LONG).await?, "Bearer t-1");
    assert_eq!(stub.count(), 1, "it is good for 310 s");
    pass(Duration::from_secs(10)).await;
    assert_eq!(
        tokens.authorization("acme", Duration::ZERO).await?,
        "Bearer t-1",
        "nobody waits for the next"
    );
    eventually("the next token", LONG, async || match tokens.authorization("acme", LONG).await {
        Ok(header) if header == "Bearer t-2" => Ok(()),
        other => Err(format!("{other:?}")),
    })
    .await?;
    assert_eq!(stub.count(), 2);
    Ok(())
}

/// The endpoint fails while a token is renewed: the old one serves until its end.
#[tokio::test(flavor = "current_thread")]
async fn a_renewal_that_fails_harms_nobody_who_has_a_token() -> Result<()> {
    let stub = Stub::start(vec![token("t-1", 3600), says(500, &[], ""), token("t-3", 3600)]).await;
    let tokens = source(&stub);
    tokens.authorization("acme", LONG).await?;
    pass(Duration::from_secs(3301)).await;
    assert_eq!(tokens.authorization("acme", LONG).await?, "Bearer t-1");
    asked(&stub, 2).await?;
    pass(Duration::from_secs(298)).await;
    eventually("the third answer", LONG, async || match tokens.authorization("acme", LONG).await {
        Ok(header) if header == "Bearer t-3" => Ok(()),
        other => Err(format!("{other:?}")),
    })
    .await
}

/// This provider's endpoint answers 400 and tells no time; the vendor advises 3 s.
#[tokio::test(flavor = "current_thread")]
async fn a_throttled_endpoint_is_asked_again_after_a_while() -> Result<()> {
    let stub = Stub::start(vec![throttled(), token("t-2", 3600)]).await;
    let tokens = source(&stub);
    let short = tokens.authorization("acme", Duration::from_secs(2)).await;
    let Err(TokenError::Throttled { retry_after }) = short else { panic!("{short:?}") };
    assert!((3.0..3.5).contains(&retry_after.as_secs_f64()), "{retry_after:?}");
    let waiting = tokio::spawn({
        let tokens = tokens.clone();
        async move { tokens.authorization("acme", LONG).await }
    });
    tokio::task::yield_now().await;
    assert_eq!(stub.count(), 1, "nobody asks meanwhile");
    pass(Duration::from_secs(4)).await;
    assert_eq!(waiting.await??, "Bearer t-2");
    assert_eq!(stub.count(), 2);
    Ok(())
}

#[tokio::test(flavor = "current_thread")]
async fn a_client_that_is_refused_is_told_so_and_not_asked_for_all_the_time() -> Result<()> {
    let refused = says(401, &[], r#"{"error":"invalid_client","error_description":"s-1 is wrong"}"#);
    let stub = Stub::start(vec![refused, token("t-2", 3600)]).await;
    let tokens = source(&stub);
    for _ in 0..3 {
        let error = tokens.authorization("acme", LONG).await.expect_err("it is refused");
        assert_eq!(error.to_string(), "the token endpoint refuses the client: status 401, invalid_client");
    }
    assert_eq!(stub.count(), 1);
    pass(Duration::from_secs(13)).await;
    assert_eq!(tokens.authorization("acme", LONG).await?, "Bearer t-2", "it was set right meanwhile");
    Ok(())
}

#[tokio::test]
async fn what_is_no_token_is_not_sent_to_anybody() -> Result<()> {
    for body in [
        "",
        "[]",
        r#"{"access_token":""}"#,
        "{\"access_token\":\"a\\nb\"}",
        r#"{"access_token":"a","token_type":"mac"}"#,
    ] {
        let stub = Stub::start(vec![says(200, &[], body)]).await;
        let outcome = source(&stub).authorization("acme", LONG).await;
        assert!(matches!(outcome, Err(TokenError::Unusable { .. })), "{body}: {outcome:?}");
    }
    Ok(())
}

#[tokio::test]
async fn each_org_has_its_own_client() -> Result<()> {
    let stub = Stub::start(vec![token("t-1", 3600), token("t-2", 3600)]).await;
    let tokens = source(&stub);
    tokens.put("globex", Credentials::new(stub.url("/oauth/token"), "app-2", "s-2"));
    assert_eq!(tokens.authorization("acme", LONG).await?, "Bearer t-1");
    assert_eq!(tokens.authorization("globex", LONG).await?, "Bearer t-2");
    tokens.remove("acme");
    let gone = tokens.authorization("acme", LONG).await;
    assert!(matches!(gone, Err(TokenError::UnknownOrg { .. })), "{gone:?}");
    Ok(())
}

/// Who may not wait gets no token that is still on its way; it comes for the next.
#[tokio::test]
async fn who_may_not_wait_is_told_that_it_is_late() -> Result<()> {
    let stub = Stub::shut(vec![token("t-1", 3600)]).await;
    let tokens = source(&stub);
    let late = tokens.authorization("acme", Duration::from_millis(10)).await;
    assert!(matches!(late, Err(TokenError::Late)), "{late:?}");
    stub.open(1);
    assert_eq!(tokens.authorization("acme", LONG).await?, "Bearer t-1");
    assert_eq!(stub.count(), 1);
    Ok(())
}
