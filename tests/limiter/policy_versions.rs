//! The versions of a policy, the way back to one, and overrides that end.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use jiff::Timestamp;
use tollgate::{AuditEvent, AuditQuery, Change, ChangeError, Decision, Error, Override, Policy, Tollgate};
use tollgate_testkit::{RedisServer, eventually};

use super::{call, gate, granted, per_org};

/// Longer than a sweep, also on a machine busy with compilers.
const PATIENCE: Duration = Duration::from_secs(30);

/// Versions that the store keeps.
const KEPT: usize = 100;

fn change(reason: &str) -> Change {
    Change { author: "operator".to_owned(), reason: reason.to_owned() }
}

fn burst(tokens: u64) -> Result<Policy> {
    per_org(&format!("rate = '1/1h'\nburst = {tokens}"))
}

/// Goal: what a policy was can be seen, and put into force again as the next version. Method: three versions, one
/// replica writes them, the other one reads them and rolls back; what was spent stays spent.
#[tokio::test]
async fn an_earlier_version_comes_back_as_a_new_one() -> Result<()> {
    let server = RedisServer::start()?;
    let (first, second) = (gate(&server.url(), burst(10)?).await?, gate(&server.url(), burst(10)?).await?);
    first.put_policy(&burst(5)?, None, &change("less")).await?;
    let newest = first.put_policy(&burst(3)?, None, &change("still less")).await?;
    let changes = second.policy_changes().await?;
    let told: Vec<_> = changes.iter().map(|change| (change.version, change.reason.as_str())).collect();
    ensure!(told == [(3, "still less"), (2, "less"), (1, "the namespace's first policy")], "{changes:?}");
    ensure!(changes[0].tag == newest.tag && changes[0].author == "operator", "{changes:?}");

    for _ in 0..3 {
        granted(&second, &call("acme")).await?;
    }
    ensure!(matches!(second.try_acquire(&call("acme")).await?, Decision::Refused(_)));
    let stale = second.roll_back(1, Some(&changes[1].tag), &change("too late")).await;
    ensure!(matches!(stale, Err(Error::Conflict { ref current }) if *current == newest.tag), "{stale:?}");
    let back = second.roll_back(2, Some(&newest.tag), &change("back")).await?;
    let second_version = second.policy_version(2).await?.context("the second version")?;
    ensure!(back.version == 4 && back.document == second_version.document, "{back:?}");
    // Five could be spent of which three were: a way back refills nothing.
    granted(&first, &call("acme")).await?;
    granted(&first, &call("acme")).await?;
    ensure!(matches!(first.try_acquire(&call("acme")).await?, Decision::Refused(_)));

    for unknown in [0, 5, u64::MAX] {
        ensure!(second.policy_version(unknown).await.is_ok_and(|version| version.is_none()), "{unknown}");
        let error = second.roll_back(unknown, None, &change("")).await;
        ensure!(matches!(error, Err(Error::NoSuchVersion { version }) if version == unknown), "{error:?}");
    }
    Ok(())
}

/// Goal: as many versions are listed as are kept, and no one else's. Method: more are written than that.
#[tokio::test]
async fn the_last_hundred_versions_are_kept() -> Result<()> {
    let server = RedisServer::start()?;
    let gate = gate(&server.url(), burst(1)?).await?;
    for tokens in 2..=KEPT as u64 + 3 {
        gate.put_policy(&burst(tokens)?, None, &change("more")).await?;
    }
    let versions: Vec<u64> = gate.policy_changes().await?.iter().map(|change| change.version).collect();
    ensure!(versions == (4..=KEPT as u64 + 3).rev().collect::<Vec<_>>(), "{versions:?}");
    ensure!(gate.policy_version(3).await?.is_none() && gate.policy_version(4).await?.is_some());
    Ok(())
}

/// Goal: who changes a policy can't fill its store. Method: texts that are too long, or more than a line; nothing
/// changes.
#[tokio::test]
async fn a_change_whose_texts_can_not_be_kept_is_refused() -> Result<()> {
    let gate = Tollgate::embedded(burst(1)?).await?;
    let long = Change { author: "x".repeat(Change::AUTHOR_BYTES_MAX + 1), ..Change::default() };
    for (change, field) in [(long, "author"), (change("two\nlines"), "reason")] {
        let error = gate.put_policy(&burst(2)?, None, &change).await;
        ensure!(
            matches!(error, Err(Error::Change(ChangeError { field: told, .. })) if told == field),
            "{error:?}"
        );
    }
    ensure!(gate.policy().await?.version == 1);
    Ok(())
}

/// The policy of `burst(1)` with an override that runs out so long after `now_us`.
fn with_a_sale(now_us: u64, after: Duration) -> Result<Policy> {
    let until_us = i64::try_from(now_us)? + i64::try_from(after.as_micros())?;
    let until = Timestamp::from_microsecond(until_us)?.to_string();
    let own = Override { burst: Some(3), expires_at: Some(until), ..Override::default() };
    Ok(burst(1)?.with_override("org", "acme", Some(own))?)
}

/// The version that leaves the override out, once it is there.
async fn after_the_sale(gate: &Tollgate, version: u64) -> Result<()> {
    let ended = async || match gate.policy().await {
        Ok(found) if found.version == version => Ok(found),
        other => Err(format!("{other:?}")),
    };
    let found = eventually("the override to end", PATIENCE, ended).await?;
    ensure!(Policy::from_json(&found.document)? == burst(1)?, "{found:?}");
    Ok(())
}

/// Goal: overrides run out also where a store can't be swept. Method: a record that nobody can read is in the way of
/// every sweep.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_override_ends_where_nothing_can_be_swept() -> Result<()> {
    let server = RedisServer::start()?;
    let gate = gate(&server.url(), burst(1)?).await?;
    let mut connection = server.connection()?;
    redis::cmd("HSET").arg("tollgate:{test}:state").arg("b:org:globex").arg("?").exec(&mut connection)?;
    let now_us = gate.policy().await?.written_at_us;
    gate.put_policy(&with_a_sale(now_us, Duration::from_secs(3))?, None, &change("a sale")).await?;
    after_the_sale(&gate, 3).await
}

/// Goal: an override whose time is past is never in force, however often a file that has it is applied.
#[tokio::test]
async fn an_override_whose_time_is_past_is_left_out() -> Result<()> {
    let gate = Tollgate::embedded(burst(1)?).await?;
    let past = with_a_sale(1_000_000, Duration::ZERO)?;
    for version in 2..4 {
        let written = gate.put_policy(&past, None, &change("again")).await?;
        ensure!(written.version == version, "{written:?}");
        ensure!(Policy::from_json(&written.document)? == burst(1)?, "{written:?}");
    }
    Ok(())
}

/// Goal: an override ends at its time, for the whole fleet, by a version of the policy that says so. Method: two
/// replicas, an override for some seconds; until then it binds, afterwards what the limit says does, once, and the
/// trail tells it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_override_ends_at_its_time() -> Result<()> {
    let server = RedisServer::start()?;
    let (first, second) = (gate(&server.url(), burst(1)?).await?, gate(&server.url(), burst(1)?).await?);
    let until_us = first.policy().await?.written_at_us + 5_000_000;
    let until = Timestamp::from_microsecond(i64::try_from(until_us)?)?.to_string();
    let own = Override { burst: Some(3), expires_at: Some(until), ..Override::default() };
    let sale = burst(1)?.with_override("org", "acme", Some(own))?;
    first.put_policy(&sale, None, &change("a sale")).await?;
    for _ in 0..3 {
        granted(&second, &call("acme")).await?;
    }
    let ended = async || match second.policy().await {
        Ok(version) if version.version == 3 => Ok(version),
        other => Err(format!("{other:?}")),
    };
    let version = eventually("the override to end", PATIENCE, ended).await?;
    ensure!(Policy::from_json(&version.document)? == burst(1)?, "{version:?}");
    ensure!(version.written_at_us >= until_us, "it ended {} us early", until_us - version.written_at_us);
    ensure!(version.author == "tollgate", "{version:?}");
    ensure!(version.reason == "the override of acme at limit org has expired", "{version:?}");
    let trail = first.audit(&AuditQuery::default()).await?.entries;
    let written = trail.iter().filter(|entry| matches!(entry.event, AuditEvent::PolicyWritten { .. }));
    ensure!(written.count() == 3, "{trail:?}");
    Ok(())
}
