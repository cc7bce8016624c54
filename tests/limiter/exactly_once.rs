//! Lost answers: a batch that was charged is answered from memory, not charged again.

use std::time::Duration;

use anyhow::{Result, ensure};
use tokio::task::JoinSet;
use tollgate::{Begin, Policy, Tollgate};
use tollgate_testkit::{FaultProxy, RedisServer};

use super::{call, per_org, spent_exactly};

/// A burst that does not come back while a test runs.
const SCARCE: &str = "rate = '1/1h'\nburst = 100000";

async fn gate_through(proxy: &FaultProxy) -> Result<Tollgate> {
    let builder = Tollgate::builder("test").store(proxy.url().parse()?).policy(per_org(SCARCE)?);
    Ok(builder.begin(Begin::Full).store_timeout(Duration::from_secs(20)).connect().await?)
}

/// Goal: G9. Method: a proxy swallows the answers of calls of the script while many calls are on their way; all are
/// granted, and exactly as many tokens are gone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_whose_answers_are_lost_are_charged_once() -> Result<()> {
    let server = RedisServer::start()?;
    let proxy = FaultProxy::unix(&server)?;
    let gate = gate_through(&proxy).await?;
    let mut granted = 0;
    for round in 0..20 {
        proxy.drop_answers_to("EVALSHA", 1 + round % 3);
        let mut callers = JoinSet::new();
        for _ in 0..50 {
            let gate = gate.clone();
            callers.spawn(async move { gate.acquire(&call("acme")).await.map(drop) });
        }
        while let Some(caller) = callers.join_next().await {
            caller??;
            granted += 1;
        }
    }
    ensure!(proxy.counters().connections > 10, "no connection broke: {:?}", proxy.counters());
    spent_exactly(&gate, "acme", granted).await
}

/// Goal: as above for connections that break at any moment. Method: all connections are cut again and again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_whose_connections_break_are_charged_once() -> Result<()> {
    let server = RedisServer::start()?;
    let proxy = FaultProxy::unix(&server)?;
    let gate = gate_through(&proxy).await?;
    let mut callers = JoinSet::new();
    for _ in 0..20 {
        let gate = gate.clone();
        callers.spawn(async move {
            for _ in 0..100 {
                gate.acquire(&call("acme")).await?;
            }
            Ok::<_, tollgate::Error>(())
        });
    }
    while let Some(caller) = callers.join_next().await {
        caller??;
        proxy.cut();
    }
    spent_exactly(&gate, "acme", 2000).await
}

/// Goal: what a full observed limit was not charged for a call it is not given back, whoever has the permit. Once it
/// was, where the call had been asked for again under its request id. Method: a call passes a full observed limit, is
/// asked for again and given back; the limit stays full, and what was not full is given back.
#[tokio::test]
async fn a_request_id_gives_back_what_it_was_charged_and_no_more() -> Result<()> {
    let server = RedisServer::start()?;
    let policy = Policy::from_toml(
        "namespace = 'test'\n\
         [[limit]]\nname = 'org'\nper = ['org']\nrate = '1/1h'\nburst = 10\n\
         [[limit]]\nname = 'seen'\nper = ['org']\nrate = '1/1h'\nburst = 2\nmode = 'observe'\n",
    )?;
    let first = super::gate(&server.url(), policy.clone()).await?;
    let second = super::gate(&server.url(), policy).await?;
    for _ in 0..2 {
        super::granted(&first, &call("acme")).await?;
    }
    let named = call("acme").request_id("order-17");
    ensure!(super::granted(&first, &named).await?.would_be_refused());
    let again = super::granted(&second, &named).await?;
    ensure!(again.would_be_refused(), "it was once");
    again.give_back().await?;
    for (limit, expected) in [("org", 8), ("seen", 0)] {
        let bucket = first.buckets_of(limit, "acme").await?.pop();
        ensure!(bucket.as_ref().is_some_and(|bucket| bucket.remaining == expected), "{limit}: {bucket:?}");
    }
    Ok(())
}

/// Goal: a call with a request id is charged once at whichever replica it is asked for. Method: two limiters ask for
/// it, one after the other and at the same time; another cost under the same id is another call.
#[tokio::test]
async fn a_request_id_is_charged_once_by_all_replicas() -> Result<()> {
    let server = RedisServer::start()?;
    let first = super::gate(&server.url(), per_org(SCARCE)?).await?;
    let second = super::gate(&server.url(), per_org(SCARCE)?).await?;
    let named = call("acme").request_id("order-17");
    super::granted(&first, &named).await?;
    super::granted(&second, &named).await?;
    tokio::try_join!(
        super::granted(&first, &named),
        super::granted(&first, &named),
        super::granted(&second, &named)
    )?;
    spent_exactly(&first, "acme", 1).await?;
    super::granted(&first, &named.cost(4)).await?;
    spent_exactly(&first, "acme", 5).await
}

/// Goal: a permit that was given back is used up. Method: with one token in all, the call of a request id is granted,
/// given back, granted again, and then there is nothing left for another call.
#[tokio::test]
async fn a_request_id_whose_permit_was_given_back_is_charged_again() -> Result<()> {
    let gate = Tollgate::embedded(per_org("rate = '1/1h'\nburst = 1")?).await?;
    let named = call("acme").request_id("order-17");
    super::granted(&gate, &named).await?.give_back().await?;
    super::granted(&gate, &named).await?;
    super::granted(&gate, &named).await?;
    let other = gate.try_acquire(&call("acme")).await?;
    ensure!(matches!(other, tollgate::Decision::Refused(_)), "two calls passed a burst of one: {other:?}");
    spent_exactly(&gate, "acme", 1).await
}
