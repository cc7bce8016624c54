//! A change of the policy: it binds every replica from the next grant on.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::time::{Instant, timeout};
use tollgate::{CallError, Change, Decision, Error, Policy};
use tollgate_testkit::{RedisServer, eventually};

use super::{bucket, call, gate, granted, per_org, spent_exactly};

/// Longer than any of it takes, also on a machine busy with compilers.
const PATIENCE: Duration = Duration::from_secs(10);

fn change(reason: &str) -> Change {
    Change { author: "operator".to_owned(), reason: reason.to_owned() }
}

/// Goal: G8. Method: one replica lowers a burst to what is spent already; the very next call of the other is refused,
/// though it has never heard of the change. What was spent stays spent when the burst is raised again.
#[tokio::test]
async fn a_lower_quota_binds_the_next_call_of_another_replica() -> Result<()> {
    let server = RedisServer::start()?;
    let ten = per_org("rate = '1/1h'\nburst = 10")?;
    let (first, second) = (gate(&server.url(), ten.clone()).await?, gate(&server.url(), ten.clone()).await?);
    for _ in 0..5 {
        granted(&second, &call("acme")).await?;
    }
    first.put_policy(&per_org("rate = '1/1h'\nburst = 5")?, None, &change("less")).await?;
    let decision = second.try_acquire(&call("acme")).await?;
    ensure!(matches!(decision, Decision::Refused(_)), "{decision:?}");
    first.put_policy(&ten, None, &change("as before")).await?;
    for _ in 0..5 {
        granted(&second, &call("acme")).await?;
    }
    spent_exactly(&second, "acme", 10).await
}

/// Goal: G13 right after a change, while the record is still from before it. Method: a bucket that earns a token a
/// millisecond is spent and then earns next to nothing; it is listed as it stands for the next call. Once it was listed
/// by the terms of its record, as if it had gone on earning, and one that was made faster as if it had not.
#[tokio::test]
async fn buckets_are_listed_by_what_holds_now() -> Result<()> {
    let server = RedisServer::start()?;
    let gate = gate(&server.url(), per_org("rate = '1000/s'\nburst = 100000")?).await?;
    granted(&gate, &call("acme").cost(90_000)).await?;
    for limits in ["rate = '1/1h'\nburst = 100000", "rate = '2/1h'\nburst = 99000", "quota = '300/1h'"] {
        gate.put_policy(&per_org(limits)?, None, &change("slower")).await?;
        let listed = gate.buckets(Some("org"), None).await?;
        let standing = bucket(&gate, "acme").await?;
        let [one] = listed.buckets.as_slice() else { anyhow::bail!("{limits}: {listed:?}") };
        ensure!((one.burst, one.remaining) == (standing.burst, standing.remaining), "{one:?}, {standing:?}");
    }
    Ok(())
}

/// Goal: a change binds calls that a replica decides on without its store. Method: one replica puts a limit where there
/// was none, then raises its burst; the other, which has only calls that are free, or cost too much, hears of both.
#[tokio::test]
async fn a_change_reaches_calls_that_the_store_is_not_asked_about() -> Result<()> {
    let server = RedisServer::start()?;
    let free = Policy::from_toml("namespace = 'test'")?;
    let (first, second) = (gate(&server.url(), free.clone()).await?, gate(&server.url(), free).await?);
    ensure!(granted(&second, &call("acme")).await?.limits().count() == 0);
    first.put_policy(&per_org("rate = '1/1h'\nburst = 10")?, None, &change("a limit")).await?;
    let limited = async || match granted(&second, &call("acme")).await {
        Ok(permit) if permit.limits().count() == 0 => Err("it is still free".to_owned()),
        _ => Ok(()),
    };
    eventually("the limit to bind the other replica", PATIENCE, limited).await?;
    let costly = call("acme").cost(11);
    let error = second.try_acquire(&costly).await.map(drop);
    ensure!(matches!(error, Err(Error::Call(CallError::CostAboveBurst { burst: 10, .. }))), "{error:?}");
    first.put_policy(&per_org("rate = '1/1h'\nburst = 11")?, None, &change("more")).await?;
    let decided = async || second.try_acquire(&costly).await.map(drop).map_err(|error| error.to_string());
    eventually("the raise to reach the other replica", PATIENCE, decided).await
}

/// Goal: a raise reaches calls that sleep until a time that no longer holds, within 250 ms. Method: again and again a
/// call is told an hour, and another replica raises the quota; measured is from the raise to the grant. A tenth of them
/// may be held up by a busy machine.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_raise_reaches_sleeping_calls_of_another_replica() -> Result<()> {
    let server = RedisServer::start()?;
    let slow = per_org("rate = '1/1h'\nburst = 1")?;
    let (first, second) =
        (gate(&server.url(), slow.clone()).await?, gate(&server.url(), slow.clone()).await?);
    let mut took = Vec::new();
    for number in 0..30 {
        let acme = call(&format!("org-{number}"));
        granted(&second, &acme).await?;
        let sleeper = tokio::spawn({
            let (second, acme) = (second.clone(), acme.clone());
            async move { second.acquire(&acme).await.map(drop) }
        });
        // It sleeps once a call that came after it has its answer.
        ensure!(matches!(second.try_acquire(&acme).await?, Decision::Refused(_)));
        first.put_policy(&per_org("rate = '1000/s'\nburst = 10")?, None, &change("more")).await?;
        let raised = now();
        timeout(PATIENCE, sleeper).await.context("it sleeps on")???;
        took.push(raised.elapsed());
        first.put_policy(&slow, None, &change("less")).await?;
    }
    took.sort_unstable();
    println!("a raise reaches sleepers after {:?}, p90 {:?}, at most {:?}", took[15], took[27], took[29]);
    ensure!(took[27] <= Duration::from_millis(250), "{took:?}");
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "how long a raise takes, by the clock of who made it")]
fn now() -> Instant {
    Instant::now()
}

/// Goal: no change is lost. Method: of two changes made on the same version the second is refused, and says what is in
/// force.
#[tokio::test]
async fn of_two_changes_on_one_version_the_second_is_refused() -> Result<()> {
    let server = RedisServer::start()?;
    let policy = per_org("rate = '10/s'")?;
    let (first, second) = (gate(&server.url(), policy.clone()).await?, gate(&server.url(), policy).await?);
    let tag = first.policy().await?.tag;
    let changed = first.put_policy(&per_org("rate = '20/s'")?, Some(&tag), &change("twice")).await?;
    let conflict = second.put_policy(&per_org("rate = '30/s'")?, Some(&tag), &change("thrice")).await;
    ensure!(matches!(&conflict, Err(Error::Conflict { current }) if *current == changed.tag), "{conflict:?}");
    let now = second.policy().await?;
    ensure!((now.version, now.author.as_str(), now.reason.as_str()) == (2, "operator", "twice"), "{now:?}");
    Ok(())
}

/// Goal: calls in flight get through any number of changes. Method: callers run while the policy changes again and
/// again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_get_through_a_stream_of_changes() -> Result<()> {
    let server = RedisServer::start()?;
    let policies = [per_org("rate = '100000/s'")?, per_org("quota = '1000000/1s'")?];
    let gates =
        [gate(&server.url(), policies[0].clone()).await?, gate(&server.url(), policies[0].clone()).await?];
    let mut callers = tokio::task::JoinSet::new();
    for number in 0..16 {
        let gate = gates[number % 2].clone();
        callers.spawn(async move {
            for _ in 0..200 {
                gate.acquire(&call(&format!("org-{}", number % 3))).within(Duration::from_secs(20)).await?;
            }
            Ok::<_, Error>(())
        });
    }
    for number in 0..40 {
        gates[number % 2].put_policy(&policies[(number + 1) % 2], None, &change("again")).await?;
    }
    while let Some(caller) = callers.join_next().await {
        caller??;
    }
    Ok(())
}
