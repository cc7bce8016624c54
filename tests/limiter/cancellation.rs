//! Dropping an acquire: nothing is spent for good, at whichever await it happens.

use std::future::{Future, IntoFuture};
use std::pin::pin;
use std::task::{Context, Waker};
use std::time::Duration;

use anyhow::Result;
use tokio::task::JoinSet;
use tollgate::Tollgate;
use tollgate_testkit::{RedisServer, eventually};

use super::{call, gate, granted, holds, per_org, spent_exactly};

/// A burst that does not come back while a test runs.
const SCARCE: &str = "rate = '1/1h'\nburst = 20";

/// Polls `future` so many times, with the other tasks running in between, and drops it. Says whether it was done.
pub(super) async fn dropped_after(polls: u32, future: impl Future) -> bool {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    for _ in 0..polls {
        if future.as_mut().poll(&mut context).is_ready() {
            return true;
        }
        tokio::task::yield_now().await;
    }
    false
}

/// Goal: a dropped acquire leaves the bucket as it was. Method: it is dropped after every number of polls, until it is
/// done before that; each time the bucket is full again afterwards.
async fn leaves_the_bucket_as_it_was(gate: &Tollgate) -> Result<()> {
    let call = call("acme");
    for polls in 0.. {
        let done = dropped_after(polls, gate.acquire(&call).into_future()).await;
        if done {
            return spent_exactly(gate, "acme", 1).await;
        }
        holds(gate, "acme", 20).await?;
    }
    Ok(())
}

#[tokio::test]
async fn an_acquire_dropped_at_any_await_spends_nothing_embedded() -> Result<()> {
    leaves_the_bucket_as_it_was(&Tollgate::embedded(per_org(SCARCE)?).await?).await
}

#[tokio::test]
async fn an_acquire_dropped_at_any_await_spends_nothing_on_redis() -> Result<()> {
    let server = RedisServer::start()?;
    leaves_the_bucket_as_it_was(&gate(&server.url(), per_org(SCARCE)?).await?).await
}

/// Goal: no race between the answer and the drop leaks a token. Method: hundreds of acquires are aborted at moments of
/// their own while they run on several threads; what is left in the bucket is what the finished ones did not take.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn acquires_aborted_while_they_run_leak_nothing() -> Result<()> {
    let server = RedisServer::start()?;
    let gate = gate(&server.url(), per_org("rate = '1/1h'\nburst = 2000")?).await?;
    let mut kept = 0;
    for round in 0..40 {
        let mut callers = JoinSet::new();
        for _ in 0..25 {
            let gate = gate.clone();
            callers.spawn(async move { gate.acquire(&call("acme")).await.is_ok() });
        }
        for _ in 0..round % 8 {
            tokio::task::yield_now().await;
        }
        callers.abort_all();
        while let Some(caller) = callers.join_next().await {
            kept += u64::from(caller.unwrap_or(false));
        }
    }
    holds(&gate, "acme", 2000 - kept).await
}

/// Goal: a waiting call that gives up leaves its place to the next. Method: the first of two that wait is dropped; the
/// token that comes is for the second.
#[tokio::test]
async fn a_call_that_gives_up_leaves_its_place_in_line() -> Result<()> {
    let gate = Tollgate::embedded(per_org("rate = '20/s'\nburst = 1")?).await?;
    granted(&gate, &call("acme")).await?;
    let call = call("acme");
    let mut first = Box::pin(gate.acquire(&call).into_future());
    let mut context = Context::from_waker(Waker::noop());
    assert!(first.as_mut().poll(&mut context).is_pending());
    tokio::task::yield_now().await;
    let second = gate.acquire(&call).into_future();
    drop(first);
    second.await?;
    Ok(())
}

/// Goal: a limiter that is dropped leaves no task behind. Method: an acquire that would wait for an hour is given up,
/// then the limiter; its tasks once lived on until that call was due, looking for a new policy all the while.
#[tokio::test]
async fn a_dropped_limiter_ends_its_tasks_though_a_call_it_had_would_wait_for_hours() -> Result<()> {
    let gate = Tollgate::embedded(per_org("rate = '1/1h'\nburst = 1")?).await?;
    let acme = call("acme");
    let permit = granted(&gate, &acme).await?;
    dropped_after(20, gate.acquire(&acme).into_future()).await;
    drop((permit, gate));
    let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    eventually("no task", Duration::from_secs(10), async || match tasks() {
        0 => Ok(()),
        count => Err(format!("{count} tasks")),
    })
    .await
}
