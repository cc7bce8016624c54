//! Deadlines: never late, and never waited for in vain.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};
use tollgate::embedded::{Clock, ManualClock};
use tollgate::{Call, Decision, Error, Policy, Tollgate};
use tollgate_testkit::RedisServer;

use super::{call, gate, granted, per_org};

/// Goal: a call that can't make its deadline is told at once, with the time that could work. Method: the first token
/// comes in an hour, the deadline is in a minute, the answer must be there within seconds.
#[tokio::test]
async fn a_call_that_cant_make_its_deadline_is_refused_at_once() -> Result<()> {
    let server = RedisServer::start()?;
    let gate = gate(&server.url(), per_org("rate = '1/1h'\nburst = 1")?).await?;
    granted(&gate, &call("acme")).await?;
    let call = call("acme");
    let waited = timeout(Duration::from_secs(10), gate.acquire(&call).within(Duration::from_secs(60)));
    let error = waited.await.context("it waited for its deadline")?.expect_err("there is no token");
    let Error::Refused(refused) = error else { anyhow::bail!("{error}") };
    let hour = Duration::from_secs(3600);
    ensure!(refused.retry_after <= hour && refused.retry_after > Duration::from_secs(3590), "{refused}");
    ensure!((refused.limit.as_str(), refused.key.as_str()) == ("org", "acme"), "{refused}");
    Ok(())
}

/// Goal: whoever stands behind others is told at once too. Method: a token comes every 400 ms, and four calls come that
/// can wait for a second: two are granted, and two are told, by how many stand before them, that they would come too
/// late.
#[tokio::test]
async fn a_call_behind_others_knows_when_its_turn_would_be() -> Result<()> {
    let gate = Tollgate::embedded(per_org("rate = '5/2s'\nburst = 1")?).await?;
    granted(&gate, &call("acme")).await?;
    let call = call("acme");
    let wait = || async { gate.acquire(&call).within(Duration::from_secs(1)).await };
    let (first, second, third, fourth) = tokio::join!(wait(), wait(), wait(), wait());
    first?;
    second?;
    for (late, calls_before) in [(third, 2), (fourth, 2)] {
        let Err(Error::Refused(refused)) = late else { anyhow::bail!("{late:?}") };
        let turn = Duration::from_millis(400) * (calls_before + 1);
        ensure!(refused.retry_after <= turn && refused.retry_after > turn / 2, "{refused}");
    }
    Ok(())
}

/// Goal: the time that a refusal tells is exact. Method: on a clock that the test turns, a microsecond before that time
/// the call is refused still, and at that time it is granted.
#[tokio::test]
async fn the_time_that_a_refusal_tells_is_exact() -> Result<()> {
    let clock = ManualClock::at_us(1_700_000_000_000_000);
    let builder = Tollgate::builder("test")
        .clock(Clock::Manual(clock.clone()))
        .policy(per_org("rate = '7/s'\nburst = 3")?);
    let gate = builder.connect().await?;
    for _ in 0..50 {
        if let Decision::Refused(refused) = gate.try_acquire(&call("acme")).await? {
            clock.advance(u64::try_from(refused.retry_after.as_micros())? - 1);
            let early = gate.try_acquire(&call("acme")).await?;
            ensure!(
                matches!(early, Decision::Refused(_)),
                "granted before the time that was told: {early:?}"
            );
            clock.advance(1);
            granted(&gate, &call("acme")).await?;
        }
    }
    Ok(())
}

/// Goal: with real clocks and a real store too, who can't be served in time is told so in time, with a time past the
/// deadline. Method: two replicas, calls with deadlines of up to a second at twice what the limit gives; a machine that
/// is busy may hold up one call in a thousand.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_late_by_real_clocks() -> Result<()> {
    const CALLS: u64 = 3_000;
    let server = RedisServer::start()?;
    let policy = Policy::from_toml(
        "namespace = 'test'\n[[limit]]\nname = 'client'\nper = ['client']\nrate = '300/s'\nburst = 30",
    )?;
    let gates = [gate(&server.url(), policy.clone()).await?, gate(&server.url(), policy).await?];
    let mut calls = JoinSet::new();
    let mut ticks = tokio::time::interval(Duration::from_micros(1_667));
    for number in 0..CALLS {
        ticks.tick().await;
        let gate = gates[usize::try_from(number % 2)?].clone();
        calls.spawn(async move {
            let call = Call::get("/").org(format!("org-{}", number % 30)).client("app");
            let deadline = now() + Duration::from_millis(number * 7_919 % 1_000);
            let decision = gate.acquire(&call).within(deadline - now()).decide().await?;
            let ended = now();
            if let Decision::Refused(refused) = &decision {
                ensure!(ended + refused.retry_after >= deadline, "it could have waited: {refused}");
            }
            Ok((ended.saturating_duration_since(deadline), matches!(decision, Decision::Granted(_))))
        });
    }
    let (mut late, mut granted) = (Vec::new(), 0);
    while let Some(call) = calls.join_next().await {
        let (by, is_granted) = call??;
        late.push(by);
        granted += u32::from(is_granted);
    }
    late.sort_unstable();
    let (p99_9, most) = (late[late.len() * 999 / 1_000], late[late.len() - 1]);
    println!("{granted} of {CALLS} granted; late: p99.9 {p99_9:?}, at most {most:?}");
    ensure!(p99_9 <= Duration::from_millis(20), "p99.9 {p99_9:?}, at most {most:?}");
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "how late a call is, by its caller's clock")]
fn now() -> Instant {
    Instant::now()
}
