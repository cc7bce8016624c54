//! Deadlines: never late, and never waited for in vain.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::time::timeout;
use tollgate::embedded::{Clock, ManualClock};
use tollgate::{Decision, Error, Tollgate};
use tollgate_testkit::RedisServer;

use super::{call, gate, granted, per_org};

/// Goal: a call that can't make its deadline is told at once, with the time that could work. Method: the first token comes
/// in an hour, the deadline is in a minute, the answer must be there within seconds.
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

/// Goal: whoever stands behind others is told at once too. Method: a token comes every 400 ms, and four calls come that can
/// wait for a second: two are granted, and two are told, by how many stand before them, that they would come too late.
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

/// Goal: the time that a refusal tells is exact. Method: on a clock that the test turns, a microsecond before that time the
/// call is refused still, and at that time it is granted.
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
