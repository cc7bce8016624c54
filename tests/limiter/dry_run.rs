//! What another policy would change, told before it is in force: by the limits, by the buckets, by the last hour's
//! usage.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tollgate::policy::LimitChangeKind;
use tollgate::{Change, Error, Measure, Policy, Tollgate, UnjudgedReason, WhatIf, WhatIfRow};
use tollgate_testkit::RedisServer;

use super::{bucket, call, gate, granted, per_org};

const MINUTE_US: u64 = 60_000_000;

fn policy(limits: &str) -> Result<Policy> {
    Ok(Policy::from_toml(&format!("namespace = 'test'\n{limits}"))?)
}

/// Writes rows into the books, each of a minute so many minutes ago, a limit, a key and tokens, and that all is in
/// them.
fn book(server: &RedisServer, rows: &[(u64, &str, &str, u64)]) -> Result<u64> {
    let script = "local function row(tokens) return tokens, tokens, 0, 0, 0, 0, 0, 0 end \
        local field = 'm:' .. ARGV[1] \
        local stored = redis.call('HGET', KEYS[1], field) \
        local parts = stored and select(2, cmsgpack.unpack(stored)) or {} \
        local n = tonumber(ARGV[4]) \
        local part = {0, 0, 0, 0, 0, 0, 0, 0, ARGV[3], row(n)} \
        parts[#parts + 1] = ARGV[2] parts[#parts + 1] = cmsgpack.pack(part) \
        redis.call('HSET', KEYS[1], field, cmsgpack.pack(1, parts), 'span', \
            cmsgpack.pack(1, tonumber(ARGV[5]) - 100, math.floor(tonumber(ARGV[5]) / 60) - 2, tonumber(ARGV[5]) * 60000000))";
    let mut connection = server.connection()?;
    let (seconds, _): (u64, u64) = redis::cmd("TIME").query(&mut connection)?;
    let now = seconds / 60;
    for (ago, limit, key, tokens) in rows {
        let mut command = redis::cmd("EVAL");
        command.arg(script).arg(1).arg("tollgate:{test}:usage");
        command.arg(now - ago).arg(limit).arg(key).arg(tokens).arg(now - 1);
        command.exec(&mut connection).context("a page of the books")?;
    }
    Ok(now)
}

/// Of each row its limit, key, tokens over, minutes over, and shares.
type Told<'a> = Vec<(&'a str, &'a str, u64, u64, (Option<u64>, u64))>;

fn told(what_if: &WhatIf) -> Told<'_> {
    let shares = |row: &WhatIfRow| (row.share_now_percent, row.share_then_percent);
    let rows = what_if.rows.iter();
    rows.map(|row| (row.limit.as_str(), row.key.as_str(), row.over, row.minutes_over, shares(row))).collect()
}

/// Goal: a dry run says what the change then does, and does nothing itself. Method: buckets are spent to different
/// parts; another quota is tried out, and then put into force.
#[tokio::test]
async fn buckets_come_to_what_was_told() -> Result<()> {
    let server = RedisServer::start()?;
    let gate = gate(&server.url(), per_org("rate = '1/1h'\nburst = 10")?).await?;
    for (org, calls) in [("acme", 8), ("globex", 2)] {
        for _ in 0..calls {
            granted(&gate, &call(org)).await?;
        }
    }
    let then = per_org("rate = '1/1h'\nburst = 5\noverride.globex = { burst = 20 }\nweight.globex = 3")?;
    let tag = gate.policy().await?.tag;
    let run = gate.dry_run(&then, Some(&tag)).await?;
    ensure!((run.version, run.follows.as_str(), run.is_change) == (2, tag.as_str(), true), "{run:?}");
    let fields: Vec<_> = run.changes.limits[0].fields.iter().map(|one| one.field.as_str()).collect();
    ensure!(run.changes.limits[0].kind == LimitChangeKind::Changed && fields == ["burst"], "{run:?}");
    ensure!(run.changes.overrides[0].key == "globex" && run.changes.weights[0].key == "globex", "{run:?}");
    ensure!(gate.policy().await?.tag == tag, "a dry run has changed the policy");

    let foreseen = run.buckets.buckets.clone();
    let left = |index: usize| {
        let one = &foreseen[index];
        let remaining = |state: &Option<tollgate::BucketState>| state.as_ref().map(|state| state.remaining);
        (one.key.clone(), remaining(&one.now), remaining(&one.then), one.waits())
    };
    ensure!(
        left(0) == ("acme".to_owned(), Some(2), Some(0), true),
        "the one that would wait comes first: {run:?}"
    );
    ensure!(left(1) == ("globex".to_owned(), Some(8), Some(18), false), "{run:?}");
    ensure!(foreseen.len() == 2 && !run.buckets.is_cut);
    // Three more than the burst are owed, and one that is asked for: four hours.
    let wait = foreseen[0].wait.context("it is known for how long")?;
    ensure!(wait > Duration::from_secs(3 * 3_600) && wait <= Duration::from_secs(4 * 3_600), "{wait:?}");

    gate.put_policy(&then, Some(&tag), &Change::default()).await?;
    for one in &foreseen {
        let stands = bucket(&gate, &one.key).await?;
        let told = one.then.as_ref().context("it is still counted")?;
        ensure!((stands.burst, stands.remaining) == (told.burst, told.remaining), "{told:?}, {stands:?}");
    }
    let stale = gate.dry_run(&then, Some(&tag)).await;
    ensure!(matches!(stale, Err(Error::Conflict { .. })), "{stale:?}");
    let other = gate.dry_run(&Policy::from_toml("namespace = 'other'")?, None).await;
    ensure!(matches!(other, Err(Error::OtherNamespace { .. })), "{other:?}");
    let same = gate.dry_run(&then, None).await?;
    ensure!(!same.is_change && same.changes.is_empty() && same.buckets.buckets.is_empty(), "{same:?}");
    // The way back is foreseen as any other change.
    let back = Box::pin(gate.dry_run_roll_back(1, None)).await?;
    ensure!(back.version == 3 && back.buckets.buckets.len() == 2, "{back:?}");
    ensure!(matches!(
        Box::pin(gate.dry_run_roll_back(9, None)).await,
        Err(Error::NoSuchVersion { version: 9 })
    ));
    Ok(())
}

/// Buckets that come and go with the policy are told as such: what is removed has no state then, what calls are in
/// flight no known wait.
#[tokio::test]
async fn buckets_that_come_and_go_are_told() -> Result<()> {
    let now = policy("[[limit]]\nname = 'org'\nper = ['org']\nrate = '1/1h'\nburst = 10\nconcurrent = 2")?;
    let gate = Tollgate::embedded(now).await?;
    let _held = [granted(&gate, &call("acme")).await?, granted(&gate, &call("acme")).await?];
    let run = gate.dry_run(&policy("[[limit]]\nname = 'org'\nper = ['org']\nconcurrent = 1")?, None).await?;
    let found: Vec<_> =
        run.buckets.buckets.iter().map(|one| (one.measure, one.then.is_some(), one.wait)).collect();
    ensure!(found == [(Measure::Tokens, false, None), (Measure::InFlight, true, None)], "{run:?}");
    ensure!(run.buckets.buckets[1].waits() && !run.buckets.buckets[0].waits(), "{run:?}");
    let reasons: Vec<_> = run.what_if.unjudged.iter().map(|one| (one.measure, one.reason)).collect();
    ensure!(reasons == [(Measure::InFlight, UnjudgedReason::InFlight)], "{run:?}");
    Ok(())
}

/// Goal: the last hour's usage is held against the new numbers, and only where they are new. Method: books with known
/// minutes.
#[tokio::test]
async fn the_last_hours_usage_is_held_against_the_new_numbers() -> Result<()> {
    let server = RedisServer::start()?;
    let limits = "[[limit]]\nname = 'org'\nper = ['org']\nrate = '2/s'\nburst = 20\n\
                  [[limit]]\nname = 'all'\nper = []\nrate = '100/s'\n";
    let gate = gate(&server.url(), policy(limits)?).await?;
    let now = book(
        &server,
        &[
            (90, "org", "acme", 999),
            (10, "org", "acme", 70),
            (9, "org", "acme", 70),
            (8, "org", "acme", 75),
            (8, "org/spacing", "acme", 75),
            (5, "org", "globex", 35),
            (5, "all", "", 110),
        ],
    )?;
    // A token a second, and ten at once: 70 in a minute that a bucket begins full, 60 in one that it begins empty.
    let slower = limits.replace("rate = '2/s'\nburst = 20", "rate = '1/s'\nburst = 10");
    let run = gate.dry_run(&policy(&slower)?, None).await?;
    let what_if = &run.what_if;
    ensure!(
        told(what_if) == [("org", "acme", 25, 1, (Some(53), 107)), ("org", "globex", 0, 0, (Some(25), 50))],
        "{what_if:?}"
    );
    let acme = &what_if.rows[0];
    ensure!((acme.busiest_at_us, acme.busiest_tokens) == ((now - 8) * MINUTE_US, 75), "{what_if:?}");
    ensure!(
        (acme.counts.granted, acme.counts.tokens, acme.counted_by.as_str()) == (215, 215, "org"),
        "{what_if:?}"
    );
    // The sweep may have begun, and not know yet how far the books go.
    let complete_us = what_if.complete_until_us;
    ensure!(complete_us == 0 || what_if.to_us == complete_us, "{what_if:?}");
    ensure!(what_if.to_us - what_if.from_us == 60 * MINUTE_US && what_if.unjudged.is_empty(), "{what_if:?}");

    // Of a key alone.
    let own = limits.replace("burst = 20\n", "burst = 20\noverride.globex = { rate = '1/1m' }\n");
    let run = gate.dry_run(&policy(&own)?, None).await?;
    ensure!(told(&run.what_if) == [("org", "globex", 14, 1, (Some(25), 166))], "{:?}", run.what_if);

    // A new limit is judged by one that counts the same; where there is none that is said.
    let more = format!(
        "{limits}[[limit]]\nname = 'twin'\nper = ['org']\nrate = '1/s'\nburst = 10\n\
         [[limit]]\nname = 'client'\nper = ['client']\nrate = '1/s'\n\
         [[limit]]\nname = 'gap'\nper = ['org']\nspacing = '1s'\nwhen = {{ method = 'GET' }}\n"
    );
    let run = gate.dry_run(&policy(&more)?, None).await?;
    let rows = told(&run.what_if);
    ensure!(
        rows == [("twin", "acme", 25, 1, (None, 107)), ("twin", "globex", 0, 0, (None, 50))],
        "{:?}",
        run.what_if
    );
    ensure!(run.what_if.rows[0].counted_by == "org", "{:?}", run.what_if);
    let unjudged: Vec<_> =
        run.what_if.unjudged.iter().map(|one| (one.limit.as_str(), one.measure, one.reason)).collect();
    let unknown = UnjudgedReason::NotCounted;
    ensure!(
        unjudged == [("client", Measure::Tokens, unknown), ("gap", Measure::Spacing, unknown)],
        "{unjudged:?}"
    );
    Ok(())
}

/// Goal: usage is not held against a limit that counted something else then. Method: what a limit is counted per is
/// changed, and changed back, which leaves no whole minute.
#[tokio::test]
async fn usage_of_what_was_counted_otherwise_is_left_out() -> Result<()> {
    let server = RedisServer::start()?;
    let per = |value: &str, rate: &str| {
        policy(&format!("[[limit]]\nname = 'org'\nper = ['{value}']\nrate = '{rate}'\n"))
    };
    let gate = gate(&server.url(), per("org", "9/s")?).await?;
    book(&server, &[(10, "org", "acme", 500)])?;
    let run = gate.dry_run(&per("org", "1/s")?, None).await?;
    ensure!(told(&run.what_if).len() == 1, "{:?}", run.what_if);
    gate.put_policy(&per("client", "9/s")?, None, &Change::default()).await?;
    gate.put_policy(&per("org", "9/s")?, None, &Change::default()).await?;
    let run = gate.dry_run(&per("org", "1/s")?, None).await?;
    let reasons: Vec<_> = run.what_if.unjudged.iter().map(|one| one.reason).collect();
    ensure!(run.what_if.rows.is_empty() && reasons == [UnjudgedReason::ChangedLately], "{:?}", run.what_if);
    Ok(())
}
