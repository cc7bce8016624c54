//! Throttling episodes that go on, as an application or an operator sees them.

use std::time::Duration;

use anyhow::{Result, ensure};
use tollgate::{Decision, Episode, Measure, Tollgate};
use tollgate_testkit::{RedisServer, eventually};

use super::{call, gate, per_org};

async fn all(gate: &Tollgate, limit: Option<&str>) -> Result<Vec<Episode>> {
    let (mut episodes, mut cursor) = (Vec::new(), None);
    loop {
        let page = gate.episodes(limit, cursor.as_deref()).await?;
        episodes.extend(page.episodes);
        match page.next {
            Some(next) => cursor = Some(next),
            None => return Ok(episodes),
        }
    }
}

/// Refuses some calls, and has one wait. What callers were told is what the episode has, whichever replica is asked.
async fn throttles(gate: &Tollgate, other: &Tollgate) -> Result<()> {
    let (acme, mut refused) = (call("acme"), 0);
    while refused < 3 {
        if let Decision::Refused(_) = gate.try_acquire(&acme).await? {
            refused += 1;
        }
    }
    let waited = gate.acquire(&acme).within(Duration::from_secs(5)).await?.waited();
    ensure!(waited > Duration::ZERO);
    let listed = eventually("an episode", Duration::from_secs(10), async || {
        let listed = all(other, Some("org")).await.map_err(|error| format!("{error:#}"))?;
        let is_whole = |episode: &Episode| episode.refused + episode.waits == refused + 1;
        if listed.first().is_some_and(is_whole) { Ok(listed) } else { Err(format!("{listed:?}")) }
    })
    .await?;
    let [episode] = &listed[..] else { anyhow::bail!("one bucket throttles: {listed:?}") };
    let name = (episode.limit.as_str(), episode.measure, episode.key.as_str());
    ensure!(name == ("org", Measure::Tokens, "acme"), "{episode:?}");
    let counted =
        (episode.refused, episode.waits, episode.waited.as_micros(), episode.longest_wait.as_micros());
    ensure!(
        counted == (refused, 1, waited.as_micros(), waited.as_micros()),
        "{episode:?}, waited {waited:?}"
    );
    ensure!(0 < episode.began_us && episode.began_us <= episode.last_us, "{episode:?}");
    ensure!(all(other, Some("another")).await?.is_empty() && all(other, None).await? == listed);
    Ok(())
}

const TERMS: &str = "rate = '20/s'\nburst = 10";

#[tokio::test]
async fn an_episode_is_what_callers_were_told() -> Result<()> {
    let server = RedisServer::start()?;
    let one = gate(&server.url(), per_org(TERMS)?).await?;
    let other = gate(&server.url(), per_org(TERMS)?).await?;
    throttles(&one, &other).await
}

#[tokio::test]
async fn an_episode_is_there_without_redis() -> Result<()> {
    let gate = Tollgate::embedded(per_org(TERMS)?).await?;
    throttles(&gate, &gate).await
}

/// A cursor that no page has given is an error, as with buckets.
#[tokio::test]
async fn a_cursor_that_is_none_is_told() -> Result<()> {
    let gate = Tollgate::embedded(per_org(TERMS)?).await?;
    ensure!(gate.episodes(None, Some("x")).await.is_err());
    Ok(())
}
