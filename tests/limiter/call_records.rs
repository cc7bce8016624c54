//! Granted calls of the organisations that the policy names are told one by one, as often as they were granted.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::task::JoinSet;
use tollgate::{
    AuditEntry, AuditEvent, AuditKind, AuditQuery, Begin, Call, Decision, Error, GrantedCalls, Policy,
    StoreError, Tollgate, WaitersQuery,
};
use tollgate_testkit::{Direction, FaultProxy, RedisServer, eventually};

use super::{gate, granted, holds, spent_exactly};

/// Calls of `acme` and of an organisation whose name is made to break things are told.
const ODD: &str = "\u{1f4a5} \"'\\{}:*/%2F";

fn policy(terms: &str) -> Result<Policy> {
    let document = format!(
        "namespace = 'test'\nrecord_calls = ['acme', {ODD:?}]\n[[limit]]\nname = 'org'\nper = ['org']\n{terms}\n"
    );
    Ok(Policy::from_toml(&document)?)
}

async fn records(gate: &Tollgate, query: AuditQuery) -> Result<Vec<AuditEntry>> {
    let mut query = AuditQuery { kind: Some(AuditKind::Call), most: 100, ..query };
    let mut entries = Vec::new();
    loop {
        let page = gate.audit(&query).await?;
        entries.extend(page.entries);
        let Some(next) = page.next else { return Ok(entries) };
        query.after = Some(next);
    }
}

/// How many calls are told, by organisation and route.
fn by_route(entries: &[AuditEntry]) -> BTreeMap<(String, String), u64> {
    let mut told = BTreeMap::new();
    for entry in entries {
        if let AuditEvent::CallGranted(granted) = &entry.event {
            *told.entry((granted.org.clone(), granted.route.clone())).or_default() += granted.calls;
        }
    }
    told
}

/// Goal: what is told is what was granted, although equal calls of many callers go to the store as one. Method: callers
/// of two replicas ask at once, by three organisations and three routes, some wait and some are refused.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_that_go_together_are_told_as_often_as_they_were_granted() -> Result<()> {
    let server = RedisServer::start()?;
    let terms = "rate = '100/s'\nburst = 50";
    let gates = [gate(&server.url(), policy(terms)?).await?, gate(&server.url(), policy(terms)?).await?];
    let mut asking = JoinSet::new();
    for number in 0..600_usize {
        let gate = gates[number % 2].clone();
        let org = ["acme", ODD, "globex"][number % 3];
        let path = ["/users?token=secret", "/jobs", "/users"][number / 3 % 3];
        asking.spawn(async move {
            let call = Call::get(path).org(org).client("app").token("secret");
            let wait = Duration::from_millis(if number % 5 == 0 { 0 } else { 500 });
            let decision = gate.acquire(&call).within(wait).decide().await?;
            anyhow::Ok((matches!(decision, Decision::Granted(_)), org, path))
        });
    }
    let (mut given, mut refused) = (BTreeMap::new(), 0);
    while let Some(asked) = asking.join_next().await {
        let (is_granted, org, path) = asked??;
        if is_granted && org != "globex" {
            let route = format!("GET {}", path.split('?').next().unwrap_or_default());
            *given.entry((org.to_owned(), route)).or_default() += 1_u64;
        }
        refused += usize::from(!is_granted);
    }
    let entries = records(&gates[0], AuditQuery::default()).await?;
    ensure!(by_route(&entries) == given, "{:?}, granted {given:?}", by_route(&entries));
    ensure!(refused > 0 && given.len() == 4, "{refused} refused, {given:?}");
    let merged = entries
        .iter()
        .any(|entry| matches!(&entry.event, AuditEvent::CallGranted(granted) if granted.calls > 1));
    ensure!(merged, "no calls went together: {entries:?}");
    ensure!(!format!("{entries:?}").contains("secret"), "neither the token nor the query is told");
    for org in ["acme", ODD, "globex"] {
        let of_org = AuditQuery { org: Some(org.to_owned()), ..AuditQuery::default() };
        let told = by_route(&records(&gates[1], of_org).await?);
        let expected: BTreeMap<_, _> = given
            .iter()
            .filter(|((own, _), _)| own == org)
            .map(|(key, calls)| (key.clone(), *calls))
            .collect();
        ensure!(told == expected, "{told:?}, not {expected:?}");
    }
    for (limit, is_passed) in [("org", true), ("platform", false)] {
        let of_limit = AuditQuery { limit: Some(limit.to_owned()), ..AuditQuery::default() };
        ensure!(records(&gates[0], of_limit).await?.is_empty() != is_passed, "{limit}");
    }
    Ok(())
}

/// Goal: calls that differ in their routes alone wait as one, and each is told that was granted, also where callers
/// have gone. Method: many callers wait, each for a route of its own, and some of them give up.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_of_many_routes_wait_as_one() -> Result<()> {
    let server = RedisServer::start()?;
    let gate = gate(&server.url(), policy("rate = '100/s'\nburst = 1")?).await?;
    let mut waiting = Vec::new();
    for number in 0..250_u32 {
        let gate = gate.clone();
        waiting.push(tokio::spawn(async move {
            let call = Call::get(format!("/jobs/{number}")).org("acme");
            gate.acquire(&call).within(Duration::from_secs(20)).await
        }));
    }
    let query = WaitersQuery { limit: Some("org".to_owned()), ..WaitersQuery::default() };
    let waiters = eventually("waiters", Duration::from_secs(10), async || {
        let waiters = gate.waiters(&query, None).await.map_err(|error| error.to_string())?;
        waiters.buckets.first().cloned().ok_or_else(|| "nobody waits".to_owned())
    });
    let tickets = waiters.await?.tickets;
    ensure!(tickets <= 25, "{tickets} tickets, of a flow that is granted 20 in 200 ms");
    waiting.iter().step_by(5).for_each(tokio::task::JoinHandle::abort);
    let mut granted = BTreeMap::new();
    for (number, asked) in waiting.into_iter().enumerate() {
        match asked.await {
            Ok(permit) => {
                let route = format!("GET /jobs/{number}");
                granted.insert(("acme".to_owned(), route), permit.map(|_| 1)?);
            }
            Err(error) => ensure!(error.is_cancelled() && number % 5 == 0, "{number}: {error}"),
        }
    }
    let mut told = by_route(&records(&gate, AuditQuery::default()).await?);
    told.retain(|(_, route), calls| {
        let number = route.rsplit('/').next().and_then(|number| number.parse::<usize>().ok());
        // Whoever gave up may have been granted before that.
        granted.contains_key(&("acme".to_owned(), route.clone()))
            || *calls != 1
            || number.is_none_or(|number| number % 5 != 0)
    });
    ensure!(granted.len() >= 200 && told == granted, "{told:?}\n{granted:?}");
    Ok(())
}

/// Goal: a call under a name is told once, with the name, at whichever replicas it is asked for. Method: callers of two
/// replicas ask for the same calls at once, and once more afterwards, by two routes under one name.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_under_a_name_is_told_once() -> Result<()> {
    let server = RedisServer::start()?;
    let terms = "rate = '1000/s'\nburst = 1000";
    let gates = [gate(&server.url(), policy(terms)?).await?, gate(&server.url(), policy(terms)?).await?];
    for _ in 0..2 {
        let mut asking = JoinSet::new();
        for number in 0..120_usize {
            let gate = gates[number % 2].clone();
            asking.spawn(async move {
                let path = if number % 4 == 0 { "/a" } else { "/b" };
                let call = Call::get(path).org("acme").request_id(format!("job-{}", number % 30));
                gate.acquire(&call).within(Duration::from_secs(10)).await
            });
        }
        while let Some(asked) = asking.join_next().await {
            asked??;
        }
    }
    let entries = records(&gates[0], AuditQuery::default()).await?;
    let mut names: Vec<_> = entries
        .iter()
        .map(|entry| match &entry.event {
            AuditEvent::CallGranted(granted) if granted.calls == 1 => {
                granted.request_id.clone().context("its name")
            }
            other => anyhow::bail!("{other:?}"),
        })
        .collect::<Result<_>>()?;
    names.sort();
    let mut expected: Vec<_> = (0..30).map(|number| format!("job-{number}")).collect();
    expected.sort();
    ensure!(names == expected, "{names:?}");
    Ok(())
}

/// Goal: what is told and what is charged are never without each other. Method: the server is full, and refuses the
/// first write of a script.
#[tokio::test]
async fn a_full_server_neither_charges_nor_tells() -> Result<()> {
    let server = RedisServer::start()?;
    let gate = gate(&server.url(), policy("rate = '1/1h'\nburst = 3")?).await?;
    let memory = |bytes: u32| -> Result<()> {
        let command = redis::cmd("CONFIG").arg("SET").arg("maxmemory").arg(bytes).to_owned();
        Ok(command.exec(&mut server.connection()?)?)
    };
    memory(1)?;
    let refused = gate.try_acquire(&Call::get("/").org("acme")).await;
    ensure!(matches!(refused, Err(Error::Store(StoreError::NotWritable { .. }))), "{refused:?}");
    memory(0)?;
    ensure!(records(&gate, AuditQuery::default()).await?.is_empty());
    spent_exactly(&gate, "acme", 0).await?;
    granted(&gate, &Call::get("/").org("acme")).await?;
    ensure!(records(&gate, AuditQuery::default()).await?.len() == 1);
    spent_exactly(&gate, "acme", 1).await
}

/// Without a server it is the same.
#[tokio::test]
async fn an_embedded_store_tells_the_same() -> Result<()> {
    let gate = gate("embedded:", policy("rate = '1/s'\nburst = 1")?).await?;
    let _ = gate.try_acquire(&Call::put("/x").org("acme")).await?;
    let _ = gate.try_acquire(&Call::put("/x").org("acme")).await?;
    let entries = records(&gate, AuditQuery::default()).await?;
    let [entry] = entries.as_slice() else { anyhow::bail!("{entries:?}") };
    let AuditEvent::CallGranted(granted) = &entry.event else { anyhow::bail!("{entry:?}") };
    let GrantedCalls { route, buckets, replica, .. } = &**granted;
    let bucket = buckets.first().context("a bucket")?;
    ensure!(route == "PUT /x" && !replica.is_empty() && replica == gate.replica(), "{entry:?}");
    ensure!(bucket.limit == "org" && bucket.key == "acme" && bucket.cost == 1, "{entry:?}");
    Ok(())
}

/// Goal: what was charged of calls whose callers have gone while the answer was lost is given back, told or not, and
/// each that was charged is told once. Method: the answers are swallowed until some of the callers have gone.
#[tokio::test]
async fn calls_given_up_while_their_answer_is_lost_are_told_and_given_back() -> Result<()> {
    let server = RedisServer::start()?;
    let proxy = FaultProxy::unix(&server)?;
    let builder = Tollgate::builder("test").store(proxy.url().parse()?);
    let builder = builder.policy(policy("rate = '1/1h'\nburst = 20")?).begin(Begin::Full);
    let gate = builder.store_timeout(Duration::from_secs(20)).connect().await?;
    let direct = self::gate(&server.url(), policy("rate = '1/1h'\nburst = 20")?).await?;
    // The script is known to the server from here on.
    granted(&direct, &Call::get("/").org("warm")).await?;
    let everybody = [0, 1, 2, 3, 4].as_slice();
    for (org, gone) in
        [("acme", [0, 2].as_slice()), ("globex", &[0, 2]), (ODD, everybody), ("initech", everybody)]
    {
        proxy.drop_answers_to("EVALSHA", usize::MAX);
        let mut asking = Vec::new();
        for number in 0..5 {
            let gate = gate.clone();
            asking.push(tokio::spawn(async move {
                let call = Call::get(format!("/jobs/{number}")).org(org);
                gate.acquire(&call).within(Duration::from_secs(20)).await.map(drop)
            }));
        }
        holds(&direct, org, 15).await?;
        for &gone in gone {
            asking[gone].abort();
        }
        for &gone in gone {
            let asked = (&mut asking[gone]).await;
            ensure!(asked.is_err_and(|error| error.is_cancelled()), "{org} {gone}");
        }
        proxy.drop_answers_to("EVALSHA", 0);
        for (number, asked) in asking.into_iter().enumerate() {
            if !gone.contains(&number) {
                asked.await??;
            }
        }
        holds(&direct, org, 15 + gone.len() as u64).await?;
    }
    let told = by_route(&records(&direct, AuditQuery::default()).await?);
    let mut expected = BTreeMap::new();
    for (org, number) in ["acme", ODD].into_iter().flat_map(|org| (0..5).map(move |number| (org, number))) {
        expected.insert((org.to_owned(), format!("GET /jobs/{number}")), 1);
    }
    ensure!(told == expected, "{told:?}");
    Ok(())
}

/// Goal: a far store that answers fails no call because many calls are told one by one, and they are granted within few
/// round trips. Method: 3,000 calls, each of a route of its own, for which there is room; they once went by a hundred a
/// round trip, and half of them failed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_of_many_routes_are_granted_in_time_by_a_far_store() -> Result<()> {
    let server = RedisServer::start()?;
    let proxy = FaultProxy::unix(&server)?;
    let direct = gate(&server.url(), policy("rate = '1/1h'\nburst = 5000")?).await?;
    let gate = gate(&proxy.url(), policy("rate = '1/1h'\nburst = 5000")?).await?;
    // The script is known to the server from here on.
    granted(&gate, &Call::get("/").org("globex")).await?;
    for direction in [Direction::ToServer, Direction::ToClient] {
        proxy.delay(direction, Duration::from_millis(100));
    }
    let mut asking = JoinSet::new();
    for number in 0..3_000 {
        let gate = gate.clone();
        asking.spawn(async move {
            let call = Call::get(format!("/jobs/{number}")).org("acme");
            gate.acquire(&call).within(Duration::from_secs(60)).await.map(drop)
        });
    }
    while let Some(asked) = asking.join_next().await {
        asked??;
    }
    let told = by_route(&records(&direct, AuditQuery::default()).await?);
    ensure!(told.len() == 3_000 && told.values().all(|calls| *calls == 1), "{} told", told.len());
    Ok(())
}
