//! Who can't be served in time is told so at once, and when it could work.

use std::time::Duration;

use anyhow::{Context, Result};
use tollgate_reqwest::{Error, RefusedBy, Within, error_in, refused_in};

use super::setup::{WIDE, acme, client, gate, limited, now};
use super::stub::{Stub, done, says};

const SHORT: Within = Within(Duration::from_secs(5));

fn hour() -> Vec<super::stub::Make> {
    vec![says(429, &[("retry-after", "3600")], "{}"), done()]
}

/// The refusal pauses the limit, one that is learned by it; the next attempt, and the next call, are refused by it
/// without being sent.
#[tokio::test]
async fn a_pause_beyond_the_deadline_fails_at_once_with_the_time() -> Result<()> {
    let stub = Stub::start(hour()).await;
    let gate = gate(WIDE).await;
    let http = client(limited(&gate));
    let began = now();
    for sent in [1, 0] {
        let request = http.get(stub.url("/x")).with_extension(acme()).with_extension(SHORT);
        let error = request.send().await.err().context("an hour is too long")?;
        let refused = refused_in(&error).with_context(|| format!("{error:?}"))?;
        let RefusedBy::Limit(by) = &refused.by else { panic!("{refused:?}") };
        assert_eq!((by.limit.as_str(), by.key.as_str(), refused.sent), ("learned-x", "acme/app", sent));
        let waits = Duration::from_secs(3590)..Duration::from_secs(3610);
        assert!(waits.contains(&refused.retry_after), "{refused:?}");
        assert!(error.to_string().starts_with("refused: limit learned-x [acme/app]"), "{error}");
    }
    assert_eq!(stub.count(), 1, "nobody asks the provider again");
    assert!(began.elapsed() < SHORT.0, "it has waited {:?}", began.elapsed());
    Ok(())
}

#[tokio::test]
async fn a_refusal_that_only_observed_limits_explain_fails_with_the_providers_time() -> Result<()> {
    let stub = Stub::start(hour()).await;
    let gate = gate(&format!("{WIDE}mode = 'observe'\n")).await;
    let began = now();
    let request = client(limited(&gate).within(SHORT.0)).get(stub.url("/x")).with_extension(acme());
    let error = request.send().await.err().context("an hour is too long")?;
    let refused = refused_in(&error).with_context(|| format!("{error:?}"))?;
    assert_eq!(refused.by, RefusedBy::Provider { status: 429, limit: None });
    assert_eq!((refused.retry_after, refused.sent, stub.count()), (Duration::from_secs(3600), 1, 1));
    assert_eq!(error.to_string(), "refused: the provider answered 429, retry in 3600s (sent so far: 1)");
    assert!(began.elapsed() < SHORT.0, "it has waited {:?}", began.elapsed());
    Ok(())
}

/// A call that can't be decided on is not a refused one.
#[tokio::test]
async fn what_is_no_refusal_is_not_found_as_one() -> Result<()> {
    let stub = Stub::start(vec![done()]).await;
    let gate = gate(WIDE).await;
    let request = client(limited(&gate)).get(stub.url("/x")).with_extension(tollgate_reqwest::Org::new(""));
    let error = request.send().await.err().context("an org has a name")?;
    assert!(matches!(error_in(&error), Some(Error::Limiter(tollgate::Error::Call(_)))), "{error:?}");
    assert_eq!((refused_in(&error), stub.count()), (None, 0));
    Ok(())
}
