//! Health: the process is up, and whether it can grant anything.

use std::process::Command;

use anyhow::Result;
use serde_json::json;
use tollgate_testkit::{FaultProxy, RedisServer, Replica, eventually, replica_binary};

use super::client::{Api, PATIENCE, PLENTY, call_of, log_with};

/// A replica is ready while its store answers, and again once it does.
#[tokio::test]
async fn a_replica_is_ready_while_its_store_answers() -> Result<()> {
    let server = RedisServer::start()?;
    let proxy = FaultProxy::unix(&server)?;
    let replica =
        Replica::builder().store(proxy.url()).policy(PLENTY).argument("--store-timeout").argument("300ms");
    let api = Api::start(replica).await?;
    assert_eq!(api.get("/healthz").await?.expect(200), json!({"status": "up"}));
    assert_eq!(api.get("/readyz").await?.expect(200), json!({"status": "ready"}));

    proxy.refuse().await?;
    let answer = api.get("/readyz").await?;
    answer.expect_problem(503, "store-unreachable", "");
    assert_eq!(answer.header("retry-after"), "1");
    for _ in 0..3 {
        let answer = api.acquire(&call_of("acme", 1)).await?;
        answer.expect(503);
        assert_eq!(answer.header("retry-after"), "1");
    }
    api.get("/healthz").await?.expect(200);

    proxy.pass().await?;
    let ready = eventually("the replica to be ready", PATIENCE, async || {
        let answer = api.get("/readyz").await.map_err(|error| error.to_string())?;
        if answer.status == 200 { Ok(()) } else { Err(answer.text) }
    });
    ready.await?;
    api.acquire(&call_of("acme", 1)).await?.expect(200);
    // However many calls met the outage, the log tells of it once, and of its end.
    let log = log_with(&api.replica, "the store answers again", 1).await?;
    assert_eq!(log.matches("the store fails").count(), 1, "{log}");
    assert_eq!(log.matches("the store answers again").count(), 1, "{log}");
    Ok(())
}

/// A store that takes everything and says nothing holds nobody up.
#[tokio::test]
async fn a_store_that_stands_still_is_told_in_time() -> Result<()> {
    let server = RedisServer::start()?;
    let replica =
        Replica::builder().store(server.url()).policy(PLENTY).argument("--store-timeout").argument("200ms");
    let api = Api::start(replica).await?;
    server.stop()?;
    api.get("/readyz").await?.expect_problem(503, "store-timeout", "");
    api.acquire(&call_of("acme", 1)).await?.expect_problem(503, "store-timeout", "");
    api.get("/v1/shop/policy").await?.expect_problem(503, "store-timeout", "");
    server.cont()?;
    Ok(())
}

/// The container's health check says by its exit code what the service says by its status.
#[tokio::test]
async fn the_health_command_tells_by_its_exit_code() -> Result<()> {
    let api = Api::embedded(PLENTY).await?;
    let code = async |url: String| -> Result<(Option<i32>, String)> {
        let mut command = Command::new(replica_binary()?);
        command.args(["health", "--url", &url]);
        let output = tokio::task::spawn_blocking(move || command.output()).await??;
        Ok((output.status.code(), String::from_utf8(output.stderr)?))
    };
    assert_eq!(code(api.replica.url("/readyz")).await?, (Some(0), String::new()));
    assert_eq!(code(api.replica.url("/healthz")).await?, (Some(0), String::new()));
    for url in [
        api.replica.url("/nope"),
        "http://127.0.0.1:1/".to_owned(),
        "https://127.0.0.1/".to_owned(),
        "x".to_owned(),
    ] {
        let (code, said) = code(url.clone()).await?;
        assert!(code == Some(1) && said.contains(&url), "{url}: {code:?} {said}");
    }
    Ok(())
}

/// Goal: G10, no call hangs. A batch whose answer is lost flies on with nobody on board; whoever asks for the same
/// meanwhile must not wait until it lands, which takes up to a minute.
#[tokio::test]
async fn every_call_is_told_in_time_while_a_store_stands_still() -> Result<()> {
    let server = RedisServer::start()?;
    let replica = Replica::builder().store(server.url()).policy(PLENTY).argument("--begin").argument("full");
    let api = Api::start(replica.argument("--store-timeout").argument("200ms")).await?;
    server.stop()?;
    for number in 0..3 {
        let told =
            tokio::time::timeout(std::time::Duration::from_secs(5), api.acquire(&call_of("acme", 1))).await;
        let Ok(answer) = told else { anyhow::bail!("call {number} hangs") };
        answer?.expect_problem(503, "store-timeout", "");
    }
    server.cont()?;
    Ok(())
}

/// Goal: G4, a replica 30 ms away serves too. A wait shorter than the round trip is no failure of the store.
#[tokio::test]
async fn a_short_wait_at_a_far_replica_is_no_outage() -> Result<()> {
    let server = RedisServer::start()?;
    let proxy = FaultProxy::unix(&server)?;
    let far = Api::with_ten(&proxy.url()).await?;
    proxy.delay(tollgate_testkit::Direction::ToClient, std::time::Duration::from_millis(30));
    for max_wait in ["0ms", "1ms", "15ms", "100ms"] {
        let asked = super::client::with(call_of("acme", 1), "max_wait", max_wait);
        let answer = far.acquire(&asked).await?;
        assert_eq!(answer.status, 200, "{max_wait}: {answer:?}");
    }
    Ok(())
}
