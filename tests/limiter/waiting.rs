//! Who waits for what, and in which order.

use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Waker};

use anyhow::{Result, ensure};
use tokio::task::JoinSet;
use tollgate::{Acquire, Call, Decision, Error, Policy, Priority, Tollgate};
use tollgate_testkit::RedisServer;

use super::{call, gate, granted, per_org};

/// Goal: equal calls of one process are granted in the order they came. Method: callers that came one after another on
/// a bucket of one token note the store's time of their grants.
#[tokio::test]
async fn equal_calls_are_granted_in_the_order_they_came() -> Result<()> {
    let server = RedisServer::start()?;
    let gate = Arc::new(gate(&server.url(), per_org("rate = '500/s'\nburst = 1")?).await?);
    let mut callers = JoinSet::new();
    for number in 0..50 {
        let gate = Arc::clone(&gate);
        callers.spawn(async move {
            (number, gate.acquire(&call("acme")).await.map(|permit| permit.granted_at_us()))
        });
        // Each is in line before the next one comes.
        tokio::task::yield_now().await;
    }
    let mut grants = Vec::new();
    while let Some(grant) = callers.join_next().await {
        let (number, granted_at_us) = grant?;
        grants.push((granted_at_us?, number));
    }
    grants.sort_unstable();
    let order: Vec<_> = grants.iter().map(|&(_, number)| number).collect();
    ensure!(order == (0..50).collect::<Vec<_>>(), "granted in the order {order:?}");
    Ok(())
}

/// Goal: a call that waits for its org's tokens keeps nobody else from theirs. Method: with fifty calls of one org in
/// line, another org's is granted at once.
#[tokio::test]
async fn a_blocked_org_blocks_no_other() -> Result<()> {
    let policy = "namespace = 'test'
        limit = [{ name = 'org', per = ['org'], rate = '1/1h', burst = 1 }, { name = 'all', per = [], rate = '1000/s' }]";
    let gate = Tollgate::embedded(Policy::from_toml(policy)?).await?;
    let mut blocked = JoinSet::new();
    for _ in 0..50 {
        let gate = gate.clone();
        blocked.spawn(async move { gate.acquire(&call("blocked")).await.map(drop) });
    }
    blocked.join_next().await.expect("one of them has the org's only token")??;
    for org in 0..20 {
        granted(&gate, &call(&format!("other-{org}"))).await?;
    }
    Ok(())
}

/// A call that no limit applies to has nothing to wait for.
#[tokio::test]
async fn a_call_without_limits_is_granted_free_of_charge() -> Result<()> {
    let policy = "namespace = 'test'
        limit = [{ name = 'users', when = { path = '/api/v2/users/**' }, per = [], rate = '1/1h', burst = 1 }]";
    let gate = Tollgate::embedded(Policy::from_toml(policy)?).await?;
    for _ in 0..100 {
        let permit = granted(&gate, &tollgate::Call::get("/api/v2/queues")).await?;
        ensure!(permit.limits().next().is_none() && permit.cost() == 0, "{permit:?}");
        permit.give_back().await?;
    }
    Ok(())
}

/// Goal: a limit in observe mode reports what it would have refused and refuses nothing. Method: the calls that are
/// over its burst are marked, no more and no fewer, and an enforced limit beside it still refuses.
#[tokio::test]
async fn an_observed_limit_reports_and_never_refuses() -> Result<()> {
    let policy = "namespace = 'test'
        limit = [{ name = 'watched', per = [], rate = '1/1h', burst = 3, mode = 'observe' },
                 { name = 'org', per = ['org'], rate = '1/1h', burst = 10 }]";
    let gate = Tollgate::embedded(Policy::from_toml(policy)?).await?;
    let mut over = 0;
    for _ in 0..10 {
        over += u32::from(granted(&gate, &call("acme")).await?.would_be_refused());
    }
    ensure!(over == 7, "{over} calls were over a burst of 3");
    let refused = gate.try_acquire(&call("acme")).await?;
    ensure!(matches!(&refused, Decision::Refused(refused) if refused.limit == "org"), "{refused:?}");
    Ok(())
}

/// Goal: a demand that is never met does not pile up. Method: of one organisation and priority three may wait; the
/// fourth is told so at once, others are not; once one of the three has been given up, the next may wait.
#[tokio::test]
async fn no_more_calls_wait_than_may() -> Result<()> {
    let policy = per_org("rate = '1/1h'\nburst = 1")?;
    let gate = Tollgate::builder("test").policy(policy).max_waiting(3).connect().await?;
    granted(&gate, &call("acme")).await?;
    let acme = call("acme");
    let mut three: Vec<_> = (0..3).map(|_| waiting(&gate, &acme)).collect();
    wait_a_little(&mut three).await;
    let error = gate.acquire(&acme).await.expect_err("three wait already");
    let Error::TooManyWaiting { flow, waiting: 3, most: 3 } = &error else { anyhow::bail!("{error}") };
    ensure!(flow == "normal:acme", "{flow}");
    ensure!(matches!(gate.try_acquire(&acme).await?, Decision::Refused(_)), "it does not wait");
    gate.acquire(&call("other")).await?;
    gate.acquire(&call("third").priority(Priority::Batch)).await?;
    three.pop();
    let mut fourth = vec![waiting(&gate, &acme)];
    wait_a_little(&mut fourth).await;
    Ok(())
}

fn waiting<'a>(gate: &'a Tollgate, call: &'a Call) -> <Acquire<'a> as IntoFuture>::IntoFuture {
    gate.acquire(call).into_future()
}

/// Polls futures, none of which may be done, until the limiter has taken up what they ask for.
async fn wait_a_little<F: Future + Unpin>(futures: &mut [F]) {
    let mut context = Context::from_waker(Waker::noop());
    for _ in 0..20 {
        for future in &mut *futures {
            assert!(Pin::new(future).poll(&mut context).is_pending(), "it does not wait");
        }
        tokio::task::yield_now().await;
    }
}
