//! A caller who hangs up has asked for nothing.

use std::time::Duration;

use anyhow::Result;
use reqwest::Method;
use tokio::task::JoinSet;
use tollgate_testkit::{Direction, FaultProxy, RedisServer, eventually};

use super::client::{Api, PATIENCE, TEN_EACH, call_of, with};

/// Goal: callers who have gone do not stand in the way of those who came after them.
/// Method: a hundred wait for 20 s worth of tokens and hang up together; then one who can wait 1 s is granted.
#[tokio::test]
async fn callers_who_hang_up_leave_their_places_in_line() -> Result<()> {
    let api = Api::embedded(&TEN_EACH.replace("1/1h", "5/s").replace("burst = 10", "burst = 1")).await?;
    api.acquire(&call_of("acme", 1)).await?.expect(200);
    let mut waiting = JoinSet::new();
    for _ in 0..100 {
        let asked = with(call_of("acme", 1), "max_wait", "1m");
        waiting.spawn(api.request(Method::POST, "/v1/shop/acquire").json(&asked).send());
    }
    let in_line = eventually("a hundred callers in line", PATIENCE, async || {
        match api.end_of_line_ms("acme", 1).await {
            Ok(ms) if ms > 15_000 => Ok(()),
            other => Err(format!("{other:?}")),
        }
    });
    in_line.await?;
    waiting.shutdown().await;
    let granted = eventually("a grant for who came after", Duration::from_secs(8), async || {
        let answer = api
            .acquire(&with(call_of("acme", 1), "max_wait", "1s"))
            .await
            .map_err(|error| error.to_string())?;
        if answer.status == 200 { Ok(()) } else { Err(answer.text) }
    });
    granted.await
}

/// Goal: what was charged for a caller who has gone by the time the answer comes is given back.
/// Method: the store's answers take 200 ms; the caller hangs up once another replica sees the charge.
#[tokio::test]
async fn what_was_granted_to_nobody_is_given_back() -> Result<()> {
    let server = RedisServer::start()?;
    let proxy = FaultProxy::unix(&server)?;
    let far = Api::with_ten(&proxy.url()).await?;
    let near = Api::joining(&server.url()).await?;
    proxy.delay(Direction::ToClient, Duration::from_millis(200));
    let remaining = async |tokens: u64| {
        let what = format!("{tokens} tokens to be left");
        let seen = eventually(&what, PATIENCE, async || match near.remaining("org", "acme").await {
            Ok(left) if left == tokens => Ok(()),
            other => Err(format!("{other:?}")),
        });
        seen.await
    };
    tokio::select! {
        answer = far.request(Method::POST, "/v1/shop/acquire").json(&call_of("acme", 6)).send() => panic!("{answer:?}"),
        charged = remaining(4) => charged?,
    }
    remaining(10).await
}
