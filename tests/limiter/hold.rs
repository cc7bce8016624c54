//! Pauses by hand: they bind every replica at once, and those who wait hear of their end.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::time::Instant;
use tollgate::{AuditEvent, AuditQuery, Change, Decision, Error};
use tollgate_testkit::RedisServer;

use super::{call, gate, granted, per_org};

const HOUR: Duration = Duration::from_secs(3_600);

/// How long those who wait may take to hear of the end of a pause.
const HEARD_WITHIN: Duration = Duration::from_millis(250);

#[expect(
    clippy::disallowed_methods,
    reason = "how long the end of a pause takes, by the clock of who ended it"
)]
fn now() -> Instant {
    Instant::now()
}

fn change() -> Change {
    Change { author: "ops".to_owned(), reason: "maintenance".to_owned() }
}

/// Goal: G8. Method: one replica pauses an organisation; the other's next call is refused with the time, one with a
/// deadline at once, and other organisations go on. The end lets it pass again.
#[tokio::test]
async fn a_pause_binds_the_next_call_of_another_replica() -> Result<()> {
    let server = RedisServer::start()?;
    let policy = per_org("rate = '1000/s'\nburst = 10")?;
    let (first, second) = (gate(&server.url(), policy.clone()).await?, gate(&server.url(), policy).await?);
    granted(&second, &call("acme")).await?;
    ensure!(first.pause("org", "acme", HOUR, &change()).await? == HOUR);
    let Decision::Refused(refused) = second.try_acquire(&call("acme")).await? else {
        anyhow::bail!("a paused bucket let a call pass");
    };
    let left = Duration::from_secs(59 * 60);
    ensure!(refused.retry_after > left, "{refused:?}");
    let begun = now();
    let waited = second.acquire(&call("acme")).within(Duration::from_secs(600)).await;
    ensure!(matches!(waited, Err(Error::Refused(_))), "{waited:?}");
    ensure!(begun.elapsed() < Duration::from_secs(60), "it waited for what it can't live to see");
    granted(&second, &call("globex")).await?;

    let state = second.buckets_of("org", "acme").await?.pop().context("the bucket")?;
    ensure!(state.paused_for > left && state.pace_percent == 100, "{state:?}");
    ensure!(second.resume("org", "acme", &change()).await?);
    ensure!(!first.resume("org", "acme", &change()).await?, "it was paused no more");
    first.acquire(&call("acme")).within(Duration::from_secs(60)).await?;
    let trail = first.audit(&AuditQuery::default()).await?.entries;
    let told = trail.iter().filter(|entry| {
        matches!(&entry.event, AuditEvent::Held { author, .. } | AuditEvent::Resumed { author, .. } if author == "ops")
    });
    ensure!(told.count() == 2, "{trail:?}");
    Ok(())
}

/// Goal: the end of a pause reaches calls that sleep until a time that no longer holds, within 250 ms. Method: again
/// and again a call of one replica waits for the end of an hour, and the other replica ends it; measured is from there
/// to the grant. A tenth of them may be held up by a busy machine.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_end_of_a_pause_reaches_sleeping_calls_of_another_replica() -> Result<()> {
    let server = RedisServer::start()?;
    let policy = per_org("rate = '1000/s'\nburst = 10")?;
    let (first, second) = (gate(&server.url(), policy.clone()).await?, gate(&server.url(), policy).await?);
    let mut took = Vec::new();
    for number in 0..30 {
        let key = format!("org-{number}");
        first.pause("org", &key, HOUR, &change()).await?;
        let sleeper = tokio::spawn({
            let (second, org) = (second.clone(), call(&key));
            async move { second.acquire(&org).await.map(drop) }
        });
        // It sleeps once a call that came after it has its answer.
        ensure!(matches!(second.try_acquire(&call(&key)).await?, Decision::Refused(_)));
        ensure!(first.resume("org", &key, &change()).await?);
        let ended = now();
        sleeper.await??;
        took.push(ended.elapsed());
    }
    took.sort_unstable();
    ensure!(took[took.len() * 9 / 10 - 1] <= HEARD_WITHIN, "{took:?}");
    Ok(())
}

/// Goal: what there is not is not paused, and nothing is told of it.
#[tokio::test]
async fn what_there_is_not_is_not_paused() -> Result<()> {
    let server = RedisServer::start()?;
    let gate = gate(&server.url(), per_org("rate = '1/s'")?).await?;
    for (limit, key) in [("nothing", "acme"), ("org", "")] {
        let error = gate.pause(limit, key, HOUR, &change()).await;
        ensure!(matches!(error, Err(Error::NoBucket { .. })), "{error:?}");
    }
    let unfit = Change { reason: "two\nlines".to_owned(), ..change() };
    let error = gate.pause("org", "acme", HOUR, &unfit).await;
    ensure!(matches!(error, Err(Error::Change(_))), "{error:?}");
    ensure!(gate.audit(&AuditQuery::default()).await?.entries.len() == 1, "more than the policy is told");
    ensure!(gate.pause("org", "acme", Duration::MAX, &change()).await? == Duration::from_secs(31 * 86_400));
    Ok(())
}
