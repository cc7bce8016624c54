//! The end: what is in flight is answered, and nothing else is waited for.

use std::time::Duration;

use anyhow::Result;
use reqwest::Method;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tollgate_testkit::{Replica, ReplicaBuilder, eventually};

use super::client::{Answer, Api, PATIENCE, TEN_EACH, call_of, with};

/// A token every 2 s, all of them spent, and one caller who waits for the next.
async fn with_one_waiting(builder: ReplicaBuilder) -> Result<(Api, tokio::task::JoinHandle<Result<Answer>>)> {
    let api = Api::start(builder.policy(TEN_EACH.replace("1/1h", "1/2s").replace("burst = 10", "burst = 1")))
        .await?;
    api.acquire(&call_of("acme", 1)).await?.expect(200);
    let asked = with(call_of("acme", 1), "max_wait", "1m");
    let waiting = tokio::spawn(Answer::of(api.request(Method::POST, "/v1/shop/acquire").json(&asked)));
    let in_line =
        eventually("a caller in line", PATIENCE, async || match api.end_of_line_ms("acme", 1).await {
            Ok(ms) if ms > 2_000 => Ok(()),
            other => Err(format!("{other:?}")),
        });
    in_line.await?;
    Ok((api, waiting))
}

/// A deployment in the middle of a wait is not noticed by who waits.
#[tokio::test]
async fn a_waiting_call_is_granted_before_the_end() -> Result<()> {
    let (mut api, waiting) = with_one_waiting(Replica::builder()).await?;
    let ended = api.replica.terminate().await?;
    assert_eq!(ended.code(), Some(0), "{ended:?}");
    let body: Value = waiting.await??.expect(200);
    assert_eq!(body["granted"], true, "{body}");
    Ok(())
}

/// An end has an end.
#[tokio::test]
async fn a_call_that_waits_for_too_long_is_told_to_go_elsewhere() -> Result<()> {
    let (mut api, waiting) =
        with_one_waiting(Replica::builder().argument("--drain").argument("100ms")).await?;
    let ended = api.replica.terminate().await?;
    assert_eq!(ended.code(), Some(0), "{ended:?}");
    let answer = waiting.await??;
    answer.expect_problem(503, "shutting-down", "");
    assert_eq!(answer.header("retry-after"), "1");
    Ok(())
}

/// Whoever asks twice is in a hurry.
#[tokio::test]
async fn a_second_signal_cuts_the_end_short() -> Result<()> {
    let builder = Replica::builder().argument("--drain").argument("1h");
    let (mut api, waiting) = with_one_waiting(builder).await?;
    let once = timeout(Duration::from_millis(200), api.replica.terminate()).await;
    assert!(once.is_err(), "it waits for the call: {once:?}");
    let ended = api.replica.terminate().await?;
    assert_eq!(ended.code(), Some(0), "{ended:?}");
    waiting.await??.expect_problem(503, "shutting-down", "");
    Ok(())
}

/// Connections on which nothing is asked do not keep it alive: one that never asked, and one kept open after an answer.
#[tokio::test]
async fn idle_connections_do_not_delay_the_end() -> Result<()> {
    let mut api = Api::start(Replica::builder().policy(TEN_EACH).argument("--drain").argument("1h")).await?;
    let address = api.replica.base_url().trim_start_matches("http://").to_owned();
    let mut silent = TcpStream::connect(&address).await?;
    let mut kept = TcpStream::connect(&address).await?;
    kept.write_all(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n").await?;
    let mut answer = vec![0; 15];
    kept.read_exact(&mut answer).await?;
    assert_eq!(answer, b"HTTP/1.1 200 OK");
    let ended = timeout(PATIENCE, api.replica.terminate()).await??;
    assert_eq!(ended.code(), Some(0), "{ended:?}");
    assert_eq!(silent.read(&mut answer).await?, 0, "it is closed");
    Ok(())
}
