//! The audit trail is what happened: as many pauses, cuts and policies as there were, whoever has brought them about.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, ensure};
use reqwest::header::{HeaderMap, RETRY_AFTER};
use tokio::task::JoinSet;
use tollgate::provider::Answer;
use tollgate::{
    AuditEntry, AuditEvent, AuditId, AuditKind, AuditOrder, AuditQuery, Change, Error, Observation,
    StoreError, Tollgate,
};
use tollgate_testkit::{RedisServer, eventually};

use super::{call, gate, granted, holds, per_org};

const AUDIT: &str = "tollgate:{test}:audit";
const PLENTY: &str = "rate = '1000/s'\nburst = 1000";

/// The provider refuses a call.
pub(super) struct Refusal(HeaderMap);

impl Refusal {
    pub(super) fn for_seconds(seconds: u64) -> Self {
        Self(HeaderMap::from_iter([(RETRY_AFTER, seconds.into())]))
    }

    pub(super) fn answer(&self) -> Answer<'_> {
        let received_at = SystemTime::UNIX_EPOCH;
        Answer { status: 429, headers: &self.0, body: None, received_at }
    }
}

pub(super) async fn trail(gate: &Tollgate) -> Result<Vec<AuditEntry>> {
    let page = gate.audit(&AuditQuery { most: 1_000, ..AuditQuery::default() }).await?;
    ensure!(page.next.is_none(), "a trail of this test fits a page");
    Ok(page.entries)
}

pub(super) fn count(trail: &[AuditEntry], kind: AuditKind) -> usize {
    trail.iter().filter(|entry| entry.event.kind() == Some(kind)).count()
}

/// What the replicas were told of refusals, by bucket: pauses that were news, and cuts.
fn by_bucket<'o>(
    told: impl IntoIterator<Item = &'o Observation>,
) -> BTreeMap<(String, String), (usize, usize)> {
    let mut buckets = BTreeMap::new();
    for pause in told.into_iter().filter_map(|observation| observation.pause.as_ref()) {
        let (pauses, cuts): &mut (usize, usize) =
            buckets.entry((pause.limit.clone(), pause.key.clone())).or_default();
        *pauses += usize::from(pause.is_news);
        *cuts += usize::from(pause.is_cut);
    }
    buckets
}

/// The same as the trail has it.
fn by_trail(trail: &[AuditEntry]) -> BTreeMap<(String, String), (usize, usize)> {
    let mut buckets = BTreeMap::new();
    for entry in trail {
        let ((limit, key), pauses, cuts) = match &entry.event {
            AuditEvent::Paused { limit, key, .. } => ((limit, key), 1, 0),
            AuditEvent::Cut { limit, key, .. } => ((limit, key), 0, 1),
            _ => continue,
        };
        let (all_pauses, all_cuts): &mut (usize, usize) =
            buckets.entry((limit.clone(), key.clone())).or_default();
        *all_pauses += pauses;
        *all_cuts += cuts;
    }
    buckets
}

/// Goal: G13. Method: three replicas on one Redis have calls granted, are told all at once that the provider has
/// refused them, by organisations whose names are made to break things, and change the policy in between. The trail has
/// as many pauses and cuts of each bucket, and as many policies by the same authors, as the replicas were told; whoever
/// did it is named.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_trail_equals_what_the_replicas_were_told() -> Result<()> {
    let server = RedisServer::start()?;
    let mut gates = Vec::new();
    for _ in 0..3 {
        gates.push(gate(&server.url(), per_org(PLENTY)?).await?);
    }
    let mut told = Vec::new();
    let mut authors = vec!["tollgate".to_owned()];
    for round in 0..4 {
        let mut observing = JoinSet::new();
        for org in ["acme", "a:b/c%2F", "\u{1f4a5} \"'\\{}", "*"] {
            for number in 0..12 {
                let gate = gates[number % gates.len()].clone();
                let call = call(org);
                let permit = gate.acquire(&call).within(Duration::from_secs(20)).await?;
                observing.spawn(async move {
                    let refusal = Refusal::for_seconds(0);
                    gate.observe(&permit, &refusal.answer()).await
                });
            }
        }
        while let Some(observed) = observing.join_next().await {
            told.push(observed??);
        }
        let author = format!("author {round}");
        let change = Change { author: author.clone(), reason: "to see it told".to_owned() };
        let terms = format!("rate = '1000/s'\nburst = {}", 900 - round);
        gates[round % gates.len()].put_policy(&per_org(&terms)?, None, &change).await?;
        authors.push(author);
    }
    let trail = trail(&gates[0]).await?;
    let put_down = told.iter().filter(|observation| observation.pause.is_some()).count();
    ensure!(count(&trail, AuditKind::Throttled) == put_down, "each refusal is told once: {trail:?}");
    ensure!(by_trail(&trail) == by_bucket(&told), "{:?}, told {:?}", by_trail(&trail), by_bucket(&told));
    let pauses = count(&trail, AuditKind::Pause);
    ensure!(
        pauses >= 16 && count(&trail, AuditKind::Cut) >= 4,
        "each organisation was refused in each round"
    );
    let written: Vec<_> = trail
        .iter()
        .filter_map(|entry| match &entry.event {
            AuditEvent::PolicyWritten { version, author, .. } => Some((*version, author.clone())),
            _ => None,
        })
        .collect();
    let expected: Vec<_> = (1..).zip(authors).collect();
    ensure!(written == expected, "{written:?}");
    let replicas: Vec<_> = gates.iter().map(Tollgate::replica).collect();
    for entry in &trail {
        let AuditEvent::Paused { key, org, replica, status, .. } = &entry.event else { continue };
        let is_right = org.as_ref() == Some(key) && replicas.contains(&replica.as_str()) && *status == 429;
        ensure!(is_right, "{entry:?}");
    }
    ensure!(trail.is_sorted_by_key(|entry| entry.id), "ids rise");
    Ok(())
}

/// Two hundred calls are refused at once, told by three replicas: one pause, one cut.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_storm_of_two_hundred_refusals_is_one_cut() -> Result<()> {
    let server = RedisServer::start()?;
    let mut gates = Vec::new();
    for _ in 0..3 {
        gates.push(gate(&server.url(), per_org(PLENTY)?).await?);
    }
    let mut permits = Vec::new();
    for number in 0..200 {
        permits.push(granted(&gates[number % gates.len()], &call("acme")).await?);
    }
    let mut observing = JoinSet::new();
    for (number, permit) in permits.into_iter().enumerate() {
        let gate = gates[number % gates.len()].clone();
        observing.spawn(async move { gate.observe(&permit, &Refusal::for_seconds(60).answer()).await });
    }
    while let Some(observed) = observing.join_next().await {
        observed??;
    }
    let trail = trail(&gates[1]).await?;
    ensure!((count(&trail, AuditKind::Pause), count(&trail, AuditKind::Cut)) == (1, 1), "{trail:?}");
    ensure!(count(&trail, AuditKind::Throttled) == 200, "and each of them: {trail:?}");
    let repeated: Vec<u8> =
        redis::cmd("HGET").arg("tollgate:{test}:state").arg("u:org:acme").query(&mut server.connection()?)?;
    ensure!(!repeated.is_empty(), "the others are counted");
    Ok(())
}

/// Filters and cursors: every entry comes once, in order, whatever the pages are, and a filter that hardly any passes
/// ends.
#[tokio::test]
async fn pages_and_filters_leave_nothing_out() -> Result<()> {
    let gate = Tollgate::embedded(per_org(PLENTY)?).await?;
    for number in 0..40 {
        let org = format!("org-{}", number % 4);
        let permit = gate.acquire(&call(&org)).within(Duration::from_secs(20)).await?;
        gate.observe(&permit, &Refusal::for_seconds(0).answer()).await?;
    }
    let all = trail(&gate).await?;
    for order in [AuditOrder::OldestFirst, AuditOrder::NewestFirst] {
        let mut query = AuditQuery { order, most: 3, org: Some("org-1".to_owned()), ..AuditQuery::default() };
        let mut paged = Vec::new();
        loop {
            let page = gate.audit(&query).await?;
            ensure!(page.entries.len() <= 3 && page.last == all[all.len() - 1].id, "{page:?}");
            paged.extend(page.entries);
            match page.next {
                Some(next) => query.after = Some(next),
                None => break,
            }
        }
        let mut expected: Vec<_> =
            all.iter().filter(|entry| entry.event.org() == Some("org-1")).cloned().collect();
        if order == AuditOrder::NewestFirst {
            expected.reverse();
        }
        ensure!(paged == expected && !paged.is_empty(), "{order:?}: {paged:?}, expected {expected:?}");
    }
    let one = &all[all.len() / 2];
    let at = AuditQuery { from_us: Some(one.at_us), to_us: Some(one.at_us), ..AuditQuery::default() };
    let page = gate.audit(&at).await?;
    ensure!(
        page.entries.contains(one) && page.entries.iter().all(|entry| entry.at_us == one.at_us),
        "{page:?}"
    );
    let nobody = AuditQuery { org: Some("nobody".to_owned()), ..AuditQuery::default() };
    ensure!(gate.audit(&nobody).await?.entries.is_empty());
    Ok(())
}

/// Goal: who reads on is told what may be missing, and nobody else is. Method: records of calls are written by hand, up
/// to one less than are held, then more, then they are removed; another one was last there more than 30 days ago.
#[tokio::test]
async fn a_gap_is_told_to_who_reads_on_too_late() -> Result<()> {
    let server = RedisServer::start()?;
    let gate = gate(&server.url(), per_org(PLENTY)?).await?;
    let (mut connection, records) = (server.connection()?, "tollgate:{test}:records");
    let seen = trail(&gate).await?[0].id;
    let ms: u64 = seen.to_string().split_once('-').context("an id")?.0.parse()?;
    let id = |number: u64| format!("{}-{number}", ms + 1);
    let mut add = |numbers: std::ops::Range<u64>| {
        let mut added = redis::pipe();
        for number in numbers {
            added.cmd("XADD").arg(records).arg("MAXLEN").arg(50_000).arg(id(number)).arg("call").arg("x");
        }
        added.exec(&mut connection)
    };
    let after = |after: AuditId| AuditQuery { after: Some(after), most: 1, ..AuditQuery::default() };
    let gap = async |query: AuditQuery| -> Result<Option<(AuditId, AuditId)>> {
        Ok(gate.audit(&query).await?.gap.map(|gap| (gap.after, gap.before)))
    };
    add(0..49_999)?;
    ensure!(gap(after(seen)).await?.is_none(), "all of them are there");
    add(49_999..50_003)?;
    ensure!(gap(after(seen)).await? == Some((seen, id(3).parse()?)));
    ensure!(gap(after(id(1).parse()?)).await? == Some((id(1).parse()?, id(3).parse()?)));
    for number in [2, 3, 50_002] {
        ensure!(gap(after(id(number).parse()?)).await?.is_none(), "{number} has missed nothing");
    }
    for kind in AuditKind::ALL {
        let told = gap(AuditQuery { kind: Some(kind), ..after(seen) }).await?;
        ensure!(told.is_some() == (kind == AuditKind::Call), "{kind:?}: {told:?}");
    }
    for query in [
        AuditQuery::default(),
        AuditQuery { from_us: Some(0), ..AuditQuery::default() },
        AuditQuery { order: AuditOrder::NewestFirst, ..after(id(1).parse()?) },
    ] {
        ensure!(gap(query.clone()).await?.is_none(), "{query:?} is nobody's who reads on");
    }
    let long_ago = format!("{}-0", ms - 31 * 86_400_000).parse()?;
    ensure!(
        gap(after(AuditId::default())).await?.is_none(),
        "whoever has seen nothing yet has missed nothing"
    );
    let policies = AuditQuery { kind: Some(AuditKind::Policy), ..after(long_ago) };
    ensure!(gap(policies).await? == Some((long_ago, seen)));
    redis::cmd("XTRIM").arg(records).arg("MAXLEN").arg(0).exec(&mut server.connection()?)?;
    ensure!(gap(after(seen)).await? == Some((seen, id(50_003).parse()?)), "nothing is left");
    ensure!(gap(after(id(50_002).parse()?)).await?.is_none(), "nor was anything missed");
    Ok(())
}

/// Goal: G11 is told. Method: everything is flushed; the policy that a replica gives back, and the epoch that begins,
/// are the first entries of the new trail.
#[tokio::test]
async fn a_loss_of_everything_is_told() -> Result<()> {
    let server = RedisServer::start()?;
    let gate = gate(&server.url(), per_org("rate = '1/1h'\nburst = 100")?).await?;
    granted(&gate, &call("acme")).await?;
    redis::cmd("FLUSHALL").exec(&mut server.connection()?)?;
    ensure!(granted(&gate, &call("acme")).await.is_err(), "buckets are empty");
    let trail = trail(&gate).await?;
    let kinds: Vec<_> = trail.iter().filter_map(|entry| entry.event.kind()).collect();
    ensure!(kinds == [AuditKind::Restored, AuditKind::Epoch], "{trail:?}");
    let is_own = |event: &AuditEvent| matches!(event, AuditEvent::PolicyRestored { replica, .. } if replica == gate.replica());
    ensure!(is_own(&trail[0].event), "{trail:?}");
    Ok(())
}

/// Goal: a key that holds something else breaks nothing but what has to be told, and says so. Method: it is a string;
/// calls are granted, a change of the policy and a refusal are not taken up and leave no trace, until the key is gone.
#[tokio::test]
async fn a_key_that_holds_no_trail_is_named_and_nothing_is_half_done() -> Result<()> {
    let server = RedisServer::start()?;
    let gate = gate(&server.url(), per_org("rate = '1/1h'\nburst = 20")?).await?;
    let mut connection = server.connection()?;
    let permit = granted(&gate, &call("acme")).await?;
    redis::cmd("SET").arg(AUDIT).arg("somebody's").exec(&mut connection)?;
    let before = gate.policy().await?;
    let other = per_org("rate = '1/1h'\nburst = 19")?;
    let refusal = Refusal::for_seconds(60);
    for error in [
        gate.put_policy(&other, None, &Change::default()).await.map(drop),
        gate.observe(&permit, &refusal.answer()).await.map(drop),
        gate.audit(&AuditQuery::default()).await.map(drop),
    ] {
        let named = matches!(&error, Err(Error::Store(StoreError::NoAuditTrail { detail })) if detail.contains(AUDIT));
        ensure!(named, "{error:?}");
    }
    ensure!(gate.policy().await? == before);
    granted(&gate, &call("acme")).await?;
    holds(&gate, "acme", 18).await?;
    redis::cmd("DEL").arg(AUDIT).exec(&mut connection)?;
    gate.observe(&permit, &refusal.answer()).await?.pause.context("a pause")?;
    ensure!(count(&trail(&gate).await?, AuditKind::Pause) == 1);
    Ok(())
}

/// Goal: what is refused by a server without memory has left no entry. Method: it has none; a refusal is not taken up,
/// and the trail is as it was. With memory again it is told once.
#[tokio::test]
async fn a_server_without_memory_tells_nothing_that_was_not_done() -> Result<()> {
    let server = RedisServer::start()?;
    let gate = gate(&server.url(), per_org("rate = '1/1h'\nburst = 20")?).await?;
    let permit = granted(&gate, &call("acme")).await?;
    let refusal = Refusal::for_seconds(60);
    let mut connection = server.connection()?;
    redis::cmd("CONFIG").arg(&["SET", "maxmemory", "1"]).exec(&mut connection)?;
    let error = gate.observe(&permit, &refusal.answer()).await.map(drop);
    ensure!(matches!(error, Err(Error::Store(StoreError::NotWritable { .. }))), "{error:?}");
    redis::cmd("CONFIG").arg(&["SET", "maxmemory", "0"]).exec(&mut connection)?;
    ensure!(count(&trail(&gate).await?, AuditKind::Pause) == 0);
    let paused = eventually("the refusal is taken up", Duration::from_secs(10), async || {
        gate.observe(&permit, &refusal.answer()).await
    });
    ensure!(paused.await?.pause.is_some_and(|pause| pause.is_news));
    ensure!(count(&trail(&gate).await?, AuditKind::Pause) == 1);
    Ok(())
}
