//! The store is gone: nobody waits for it longer than the timeout, and all goes on when it is back.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::time::{Instant, timeout};
use tollgate::{Begin, Error, StoreError, Tollgate};
use tollgate_testkit::{FaultProxy, RedisServer, eventually};

use super::{call, granted, per_org};

/// Long enough for a busy machine, short enough for a test.
const STORE_TIMEOUT: Duration = Duration::from_millis(400);

/// The timeout, and what a busy machine may add to it.
const PATIENCE: Duration = Duration::from_secs(5);

async fn ends_in_time(proxy: &FaultProxy, gate: &Tollgate, what: &str) -> Result<()> {
    let call = call("acme");
    let tries = async {
        tokio::join!(gate.try_acquire(&call), gate.acquire(&call), gate.acquire(&call).within(PATIENCE))
    };
    let (at_once, at_last, in_time) =
        timeout(PATIENCE, tries).await.with_context(|| format!("{what}: a call hangs"))?;
    for error in [at_once.map(drop).err(), at_last.map(drop).err(), in_time.map(drop).err()] {
        let store =
            matches!(error, Some(Error::Store(StoreError::Timeout { .. } | StoreError::Unreachable { .. })));
        ensure!(store, "{what}: {error:?}");
    }
    proxy.pass().await?;
    eventually("a grant after the outage", PATIENCE, async || granted(gate, &call).await.map(drop)).await
}

/// Goal: the first half of G10. Method: a proxy that accepts and never answers, one that refuses connections, and a
/// server that stands still.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_call_waits_for_a_store_that_is_gone() -> Result<()> {
    let server = RedisServer::start()?;
    let proxy = FaultProxy::unix(&server)?;
    let builder = Tollgate::builder("test").store(proxy.url().parse()?).policy(per_org("rate = '1000/s'")?);
    let gate = builder.begin(Begin::Full).store_timeout(STORE_TIMEOUT).connect().await?;
    granted(&gate, &call("acme")).await?;

    proxy.black_hole();
    ends_in_time(&proxy, &gate, "a store that never answers").await?;
    proxy.refuse().await?;
    ends_in_time(&proxy, &gate, "a store that refuses connections").await?;
    server.stop()?;
    let frozen = timeout(PATIENCE, gate.try_acquire(&call("acme"))).await.context("a call hangs")?;
    server.cont()?;
    ensure!(matches!(frozen, Err(Error::Store(_))), "{frozen:?}");
    ends_with_nothing_owed(&gate).await
}

/// Calls that were charged while nobody waited for them any more are given back.
async fn ends_with_nothing_owed(gate: &Tollgate) -> Result<()> {
    super::holds(gate, "acme", 1000).await
}

/// Goal: the error says how long its caller has waited. Bug: a batch that was lost is sent again, and the error told
/// the time of the last try alone, 500 ms of a second. Method: a store that refuses connections at first, and half a
/// timeout later takes them and never answers; the error's figure is held against the caller's clock.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_timeout_tells_the_time_that_its_caller_waited() -> Result<()> {
    let server = RedisServer::start()?;
    let proxy = FaultProxy::unix(&server)?;
    let builder = Tollgate::builder("test").store(proxy.url().parse()?).policy(per_org("rate = '1000/s'")?);
    let gate = builder.begin(Begin::Full).store_timeout(STORE_TIMEOUT).connect().await?;
    granted(&gate, &call("acme")).await?;
    proxy.refuse().await?;
    let began = now();
    let asked = tokio::spawn(async move { gate.try_acquire(&call("acme")).await.map(drop) });
    tokio::time::sleep_until(began + STORE_TIMEOUT / 2).await;
    proxy.black_hole();
    let error = asked.await?;
    let waited = began.elapsed();
    let Err(Error::Store(StoreError::Timeout { after })) = error else { anyhow::bail!("{error:?}") };
    ensure!(waited > STORE_TIMEOUT + STORE_TIMEOUT / 4, "it was not the last of several tries: {waited:?}");
    ensure!(waited.abs_diff(after) <= STORE_TIMEOUT / 4, "told {after:?} after {waited:?}");
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "how long a caller waits, by its own clock")]
fn now() -> Instant {
    Instant::now()
}

/// Goal: connecting to what is no store fails in time, with the address and without the password.
#[tokio::test]
async fn connecting_to_nothing_says_where_it_tried() -> Result<()> {
    let builder = Tollgate::builder("test").store("redis://:s3cret@127.0.0.1:1/".parse()?);
    let error = builder.store_timeout(STORE_TIMEOUT).connect().await.expect_err("nothing listens there");
    let text = format!("{error} {error:?}");
    ensure!(text.contains("127.0.0.1:1") && !text.contains("s3cret"), "{text}");
    Ok(())
}
