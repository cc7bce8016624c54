//! Why calls are slow or refused: each thing that the store knows is found, with its figures, and nothing else.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tollgate::{
    Call, Change, Diagnosis, DiagnosisQuery, Finding, FindingKind, Policy, Severity, Tollgate, WaitersQuery,
};
use tollgate_testkit::{RedisServer, eventually};

use super::audit::Refusal;
use super::{call, gate, granted, per_org};

const SECOND_US: u64 = 1_000_000;

/// Much of everything, and a limit of each kind beside.
const POLICY: &str = r#"
    namespace = "test"
    [[limit]]
    name  = "org"
    per   = ["org"]
    rate  = "1/1h"
    burst = 2
    [[limit]]
    name  = "all"
    when  = { path = "/shared" }
    per   = []
    rate  = "1/1m"
    burst = 1
    [[limit]]
    name  = "trial"
    when  = { path = "/trial" }
    per   = []
    rate  = "1/1h"
    burst = 1
    mode  = "observe"
"#;

async fn diagnosis(gate: &Tollgate) -> Result<Diagnosis> {
    Ok(gate.diagnosis(&DiagnosisQuery::default()).await?)
}

/// The one finding of a kind.
fn of_kind(diagnosis: &Diagnosis, kind: FindingKind) -> Result<&Finding> {
    let mut found = diagnosis.findings.iter().filter(|finding| finding.kind == kind);
    let finding = found.next().with_context(|| format!("no {kind:?} in {diagnosis:?}"))?;
    ensure!(found.next().is_none(), "more than one {kind:?} in {diagnosis:?}");
    ensure!(finding.text.ends_with('.') && finding.severity() == kind.severity(), "{finding:?}");
    Ok(finding)
}

fn place(finding: &Finding) -> (Option<&str>, Option<&str>) {
    (finding.limit.as_deref(), finding.key.as_deref())
}

fn kinds(diagnosis: &Diagnosis) -> Vec<FindingKind> {
    diagnosis.findings.iter().map(|finding| finding.kind).collect()
}

/// Where nothing is wrong nothing is found, though calls were granted; and each finding goes with what was wrong.
#[tokio::test]
async fn a_healthy_namespace_has_no_findings() -> Result<()> {
    let server = RedisServer::start()?;
    let gate = gate(&server.url(), Policy::from_toml(POLICY)?).await?;
    granted(&gate, &call("acme")).await?;
    let healthy = diagnosis(&gate).await?;
    ensure!(healthy.findings.is_empty() && !healthy.is_cut && healthy.now_us > 0, "{healthy:?}");
    Ok(())
}

/// A bucket that is used up, one that only observes, and those who wait; and of whom and where it is asked.
#[tokio::test]
async fn buckets_that_hold_calls_up_are_found() -> Result<()> {
    let server = RedisServer::start()?;
    let gate = gate(&server.url(), Policy::from_toml(POLICY)?).await?;
    for _ in 0..2 {
        granted(&gate, &call("acme")).await?;
    }
    granted(&gate, &Call::get("/trial").org("globex")).await?;
    let told = diagnosis(&gate).await?;
    ensure!(kinds(&told) == [FindingKind::UsedUp, FindingKind::WouldRefuse], "{told:?}");
    ensure!(place(of_kind(&told, FindingKind::UsedUp)?) == (Some("org"), Some("acme")), "{told:?}");
    ensure!(place(of_kind(&told, FindingKind::WouldRefuse)?) == (Some("trial"), Some("")), "{told:?}");

    let shared = Call::get("/shared").org("globex");
    granted(&gate, &shared).await?;
    let other = Call::get("/shared").org("hooli");
    let waiting = gate.acquire(&other).within(Duration::from_secs(300));
    let looked = async {
        eventually("somebody waits", Duration::from_secs(20), async || {
            let told =
                gate.waiters(&WaitersQuery::default(), None).await.map_err(|error| error.to_string())?;
            if told.buckets.len() == 1 { Ok(()) } else { Err(format!("{told:?}")) }
        })
        .await?;
        let told = diagnosis(&gate).await?;
        let found = of_kind(&told, FindingKind::Waiting)?;
        ensure!(told.findings[0] == *found && found.severity() == Severity::High, "{told:?}");
        ensure!(place(found) == (Some("all"), Some("")) && found.since_us.is_some(), "{found:?}");
        let figures = BTreeMap::from([("tickets", 1), ("tokens", 1)]);
        ensure!(figures.iter().all(|(name, figure)| found.figures.get(name) == Some(figure)), "{found:?}");
        ensure!(found.figures.get("expected_in_ms").is_some_and(|ms| (1..=60_000).contains(ms)), "{found:?}");
        ensure!(found.text.contains("hooli"), "{found:?}");

        for (org, limit, expected) in [
            (Some("acme"), None, vec![FindingKind::Waiting, FindingKind::UsedUp, FindingKind::WouldRefuse]),
            (Some("hooli"), None, vec![FindingKind::Waiting, FindingKind::WouldRefuse]),
            (None, Some("org"), vec![FindingKind::UsedUp, FindingKind::UsedUp]),
            (Some("globex"), Some("org"), vec![FindingKind::UsedUp]),
            (Some("hooli"), Some("org"), vec![]),
            (None, Some("all"), vec![FindingKind::Waiting]),
        ] {
            let query = DiagnosisQuery { org: org.map(str::to_owned), limit: limit.map(str::to_owned) };
            let told = gate.diagnosis(&query).await?;
            ensure!(kinds(&told) == expected, "{query:?}: {told:?}");
        }
        anyhow::Ok(())
    };
    tokio::select! {
        permit = waiting => anyhow::bail!("it did not wait: {permit:?}"),
        looked = looked => looked,
    }
}

/// Who has paused a bucket is told, until when, and why; and what the provider's refusal has left of its pace.
#[tokio::test]
async fn pauses_are_told_with_whom_they_are_from() -> Result<()> {
    let server = RedisServer::start()?;
    let gate = gate(&server.url(), per_org("rate = '1000/s'\nburst = 100")?).await?;
    let change = Change { author: "ann".to_owned(), reason: "maintenance".to_owned() };
    let hour = Duration::from_secs(3_600);
    gate.pause("org", "acme", hour, &change).await?;
    let permit = granted(&gate, &call("globex")).await?;
    gate.observe(&permit, &Refusal::for_seconds(600).answer()).await?;
    let told = diagnosis(&gate).await?;
    ensure!(
        kinds(&told) == [FindingKind::Paused, FindingKind::PausedByHand, FindingKind::Slowed],
        "{told:?}"
    );
    let by_hand = of_kind(&told, FindingKind::PausedByHand)?;
    ensure!(place(by_hand) == (Some("org"), Some("acme")), "{by_hand:?}");
    ensure!(by_hand.text.contains("by ann (maintenance)"), "{by_hand:?}");
    let (since_us, until_us) = (by_hand.since_us.context("since")?, by_hand.until_us.context("until")?);
    ensure!(until_us == since_us + 3_600 * SECOND_US, "{by_hand:?}");
    let paused = of_kind(&told, FindingKind::Paused)?;
    ensure!(place(paused) == (Some("org"), Some("globex")), "{paused:?}");
    ensure!(
        paused.figures.get("paused_for_ms").is_some_and(|ms| (590_000..=600_000).contains(ms)),
        "{paused:?}"
    );
    let slowed = of_kind(&told, FindingKind::Slowed)?;
    ensure!(slowed.since_us.is_some() && slowed.figures.get("pace_percent").is_some_and(|pace| *pace < 100));

    // A pause by hand that was ended says nothing of the next one, and the provider's that ends before one by hand is
    // not in force.
    ensure!(gate.resume("org", "acme", &change).await?);
    ensure!(gate.pause("org", "globex", hour, &change).await? == hour);
    let told = diagnosis(&gate).await?;
    ensure!(place(of_kind(&told, FindingKind::PausedByHand)?) == (Some("org"), Some("globex")), "{told:?}");
    ensure!(!kinds(&told).contains(&FindingKind::Paused), "{told:?}");
    Ok(())
}

/// What is to be known of the policy: a limit that was learned, and an override that ends within a day; one that ends
/// later is none.
#[tokio::test]
async fn what_is_to_be_known_of_the_policy_is_told() -> Result<()> {
    let server = RedisServer::start()?;
    let (now_s, _): (i64, u64) = redis::cmd("TIME").query(&mut server.connection()?)?;
    let at = |hours: i64| jiff::Timestamp::from_second(now_s + hours * 3_600).map(|at| at.to_string());
    let policy = format!(
        "namespace = 'test'\n[[limit]]\nname = 'org'\nper = ['org']\nrate = '1/s'\n\
         override.acme = {{ rate = '5/s', expires_at = '{}' }}\noverride.globex = {{ rate = '5/s', expires_at = '{}' }}\n\
         [[limit]]\nname = 'new'\nper = ['org']\nrate = '100/s'\nlearned = true\n",
        at(23)?,
        at(25)?
    );
    let gate = gate(&server.url(), Policy::from_toml(&policy)?).await?;
    let told = diagnosis(&gate).await?;
    ensure!(kinds(&told) == [FindingKind::Learned, FindingKind::OverrideEnds], "{told:?}");
    ensure!(place(of_kind(&told, FindingKind::Learned)?) == (Some("new"), None), "{told:?}");
    let ends = of_kind(&told, FindingKind::OverrideEnds)?;
    ensure!(place(ends) == (Some("org"), Some("acme")) && ends.until_us.is_some(), "{ends:?}");
    Ok(())
}

/// A new namespace whose buckets begin empty; replicas that are silent or hold another policy, whatever they say of
/// themselves; a replica of an older version, which says nothing, is no finding.
#[tokio::test]
async fn what_is_wrong_with_the_fleet_is_told() -> Result<()> {
    let server = RedisServer::start()?;
    let builder = Tollgate::builder("test").store(server.url().parse()?);
    let gate = builder.policy(per_org("rate = '1000/s'")?).connect().await?;
    let told = diagnosis(&gate).await?;
    ensure!(kinds(&told) == [FindingKind::EpochBegan], "{told:?}");
    ensure!(of_kind(&told, FindingKind::EpochBegan)?.since_us.is_some());

    // As they would have been written: one 100 s ago, and one that has not taken up the policy long after it was
    // written.
    let script = "local now = tonumber(ARGV[1]) \
        local row = {'1a', now, now - 100000000, 'web\\27[2J', 7, '0.0.1', ARGV[2], 0, '1b', now, now + 60000000, '', 8, '9', '9-x', 0} \
        redis.call('HSET', KEYS[1], 'r:1', cmsgpack.pack(1, row))";
    let mut command = redis::cmd("EVAL");
    let policy = gate.policy().await?.tag;
    command.arg(script).arg(1).arg("tollgate:{test}:state").arg(told.now_us).arg(policy);
    command.exec(&mut server.connection()?)?;
    let told = diagnosis(&gate).await?;
    ensure!(
        kinds(&told) == [FindingKind::EpochBegan, FindingKind::OtherPolicy, FindingKind::Silent],
        "{told:?}"
    );
    let silent = of_kind(&told, FindingKind::Silent)?;
    ensure!(silent.replica.as_deref() == Some("1a") && silent.text.contains("web?[2J"), "{silent:?}");
    let other = of_kind(&told, FindingKind::OtherPolicy)?;
    ensure!(other.replica.as_deref() == Some("1b") && other.text.contains("9-x"), "{other:?}");
    Ok(())
}

/// More findings than an answer has: the severest are told, and that there are more.
#[tokio::test]
async fn an_answer_has_an_end() -> Result<()> {
    let server = RedisServer::start()?;
    let gate = gate(&server.url(), per_org("rate = '1/1h'\nburst = 1")?).await?;
    for org in 0..120 {
        granted(&gate, &call(&format!("org-{org}"))).await?;
    }
    let change = Change { author: "ann".to_owned(), reason: String::new() };
    gate.pause("org", "org-99", Duration::from_secs(60), &change).await?;
    let told = diagnosis(&gate).await?;
    ensure!(told.is_cut && told.findings.len() == 100, "{} findings", told.findings.len());
    ensure!(told.findings[0].kind == FindingKind::PausedByHand, "{:?}", told.findings[0]);
    Ok(())
}

/// Many buckets that are used up hide none that is paused, nor one of the organisation that is asked for. Once the
/// first thousand that were found took the place of all others.
#[tokio::test]
async fn the_many_hide_neither_a_pause_nor_who_is_asked_for() -> Result<()> {
    let server = RedisServer::start()?;
    let gate = gate(&server.url(), per_org("rate = '1/1h'\nburst = 1")?).await?;
    for org in 0..1_500 {
        granted(&gate, &call(&format!("org-{org}"))).await?;
    }
    let change = Change { author: "ann".to_owned(), reason: String::new() };
    let paused: Vec<String> = (0..1_500).step_by(100).map(|org| format!("org-{org}")).collect();
    for org in &paused {
        gate.pause("org", org, Duration::from_secs(60), &change).await?;
    }
    let told = diagnosis(&gate).await?;
    let found = told.findings.iter().filter(|finding| finding.kind == FindingKind::PausedByHand).count();
    ensure!(told.is_cut && found == paused.len(), "{found} pauses are told");
    for org in (50..1_500).step_by(100).map(|org| format!("org-{org}")) {
        let told = gate.diagnosis(&DiagnosisQuery { org: Some(org.clone()), limit: None }).await?;
        ensure!(
            !told.is_cut && place(of_kind(&told, FindingKind::UsedUp)?) == (Some("org"), Some(&*org)),
            "{told:?}"
        );
    }
    Ok(())
}

/// A limiter says that it is there, and that it ends; what is left of one that was killed runs out, which the engine's
/// tests show.
#[tokio::test]
async fn a_limiter_is_there_until_it_leaves() -> Result<()> {
    let server = RedisServer::start()?;
    let policy = per_org("rate = '1000/s'")?;
    let (one, other) = (gate(&server.url(), policy.clone()).await?, gate(&server.url(), policy).await?);
    let so_many = async |count: usize| {
        eventually(&format!("{count} replicas"), Duration::from_secs(20), async || {
            let told = one.replicas().await.map_err(|error| error.to_string())?;
            if told.replicas.len() == count { Ok(told) } else { Err(format!("{told:?}")) }
        })
        .await
    };
    let told = so_many(2).await?;
    for replica in &told.replicas {
        ensure!(replica.process == std::process::id() && replica.policy == told.policy, "{replica:?}");
        ensure!(replica.waiting == 0 && replica.seen_us >= replica.since_us, "{replica:?}");
    }
    other.leave().await?;
    let left = so_many(1).await?;
    ensure!(left.replicas[0].id == one.replica(), "{left:?}");
    granted(&other, &call("acme")).await?;
    Ok(())
}
