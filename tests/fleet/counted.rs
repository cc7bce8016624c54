//! What the books and the audit trail say is what was granted, whatever becomes of the replicas that granted it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::sync::RwLock;
use tokio::task::JoinSet;
use tollgate_testkit::{RedisServer, Replica, Sizes, eventually, put_forward};

use super::fleet::machine;

const REPLICAS: usize = 4;
const CALLERS: usize = 32;
const ORGS: usize = 20;

/// Calls that are granted at the least, and how often a replica is killed meanwhile and another one takes its place.
const GRANTS: Sizes<u64> = Sizes { ci: 60_000, long: 1_000_000 };
const KILLS: Sizes<u64> = Sizes { ci: 4, long: 12 };

/// One in so many calls turns out to have cost something else.
const SETTLED_EACH: u64 = 16;

/// Calls that are refused each time.
const TURNED_AWAY: u64 = 50;

/// The sweep has entered everything within two passes.
const BOOKED_WITHIN: Duration = Duration::from_secs(300);

/// One in so many calls is of an organisation whose calls are told one by one.
const TOLD_EACH: usize = 100;

const POLICY: &str = "namespace = 'fleet'
    record_calls = ['told']
    [[limit]]
    name = 'org'
    per = ['org']
    rate = '100000/s'
    [[limit]]
    name = 'all'
    per = []
    rate = '1000000/s'";

/// How callers ask.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// As fast as they can: nobody is about to be killed.
    Plain,
    /// Under a name of its own for each call, so that one whose answer is lost can be asked for again.
    Careful,
}

/// What callers were granted, as they have it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Used {
    granted: u64,
    cost: i64,
}

struct Fleet {
    http: reqwest::Client,
    /// Where each replica is.
    urls: Mutex<Vec<String>>,
    /// A plain call holds it while it is on its way.
    phase: RwLock<Phase>,
    names: AtomicU64,
    granted: AtomicU64,
    kills_left: AtomicU64,
    by_org: Mutex<BTreeMap<String, Used>>,
}

impl Fleet {
    fn url(&self, replica: usize, path: &str) -> String {
        let urls = self.urls.lock().unwrap_or_else(PoisonError::into_inner);
        format!("{}/v1/fleet{path}", urls[replica % REPLICAS])
    }

    fn is_over(&self) -> bool {
        self.granted.load(SeqCst) >= GRANTS.chosen() && self.kills_left.load(SeqCst) == 0
    }

    fn note(&self, org: &str, granted: u64, cost: i64) {
        self.granted.fetch_add(granted, SeqCst);
        let mut by_org = self.by_org.lock().unwrap_or_else(PoisonError::into_inner);
        let used = by_org.entry(org.to_owned()).or_default();
        used.granted += granted;
        used.cost += cost;
    }

    /// Asks until all is granted that is to be.
    async fn ask_on(self: Arc<Self>, caller: usize) -> Result<()> {
        let mut turn = 0;
        while !self.is_over() {
            turn += 1;
            let is_told = turn % TOLD_EACH == 7;
            let org = if is_told { "told".to_owned() } else { format!("org-{}", (caller + turn) % ORGS) };
            let cost = 1 + i64::try_from(turn % 3)?;
            let phase = self.phase.read().await;
            if *phase == Phase::Careful {
                drop(phase);
                self.ask_by_name(caller, &org, cost).await?;
            } else {
                self.ask(caller, &org, cost, (turn as u64).is_multiple_of(SETTLED_EACH)).await?;
            }
        }
        Ok(())
    }

    /// One call, perhaps settled. Nobody is killed before it is answered.
    async fn ask(&self, caller: usize, org: &str, cost: i64, is_settled: bool) -> Result<()> {
        let body = json!({"call": {"org": org, "method": "GET", "path": "/"}, "cost": cost});
        let answer = self.http.post(self.url(caller, "/acquire")).json(&body).send().await?;
        let status = answer.status();
        let granted: Value = answer.json().await?;
        ensure!(status == StatusCode::OK, "{status}: {granted}");
        self.note(org, 1, cost);
        if is_settled {
            let id = granted["permit"].as_str().context("a permit")?;
            let target = self.url(caller + 1, &format!("/permits/{id}/settle"));
            let status = self.http.post(target).json(&json!({"cost": cost + 4})).send().await?.status();
            ensure!(status == StatusCode::NO_CONTENT, "a settlement was answered {status}");
            self.note(org, 0, 4);
        }
        Ok(())
    }

    /// One call under a name of its own, asked for at one replica after the other until there is an answer: it is
    /// charged once.
    async fn ask_by_name(&self, caller: usize, org: &str, cost: i64) -> Result<()> {
        let name = format!("call-{}", self.names.fetch_add(1, SeqCst));
        let call = json!({"org": org, "method": "GET", "path": "/"});
        let body = json!({"call": call, "cost": cost, "request_id": name});
        for replica in caller..caller + 100 * REPLICAS {
            match self.http.post(self.url(replica, "/acquire")).json(&body).send().await {
                Ok(answer) if answer.status() == StatusCode::OK => {
                    self.note(org, 1, cost);
                    return Ok(());
                }
                Ok(answer) => bail!("{}: {}", answer.status(), answer.text().await?),
                // It is being killed, or is gone.
                Err(_) => {}
            }
        }
        bail!("nobody answers")
    }
}

/// Goal: G13 and G9 for what is counted. Method: callers ask four replicas without pause; now and then one is killed in
/// the middle of calls, whose answers are lost, and another one comes up in its place. Calls with a lost answer are
/// asked for again under their names. Some are settled, an organisation is paused and let go on by operators, and the
/// provider refuses calls of another. In the end the books have for each organisation what its callers were granted and
/// what that has cost, exactly, and the audit trail has every pause and refusal once, every call that was turned away
/// in an episode, and of an organisation whose calls are told one by one every call that was granted.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_books_and_the_trail_equal_the_ledger() -> Result<()> {
    let _machine = machine().await;
    let server = RedisServer::start()?;
    let start = || Replica::builder().store(server.url()).namespace("fleet").policy(POLICY).start();
    let mut replicas = Vec::new();
    for _ in 0..REPLICAS {
        replicas.push(start().await?);
    }
    let fleet = Arc::new(Fleet {
        http: reqwest::Client::new(),
        urls: Mutex::new(replicas.iter().map(|replica| replica.base_url().to_owned()).collect()),
        phase: RwLock::new(Phase::Plain),
        names: AtomicU64::new(0),
        granted: AtomicU64::new(0),
        kills_left: AtomicU64::new(KILLS.chosen()),
        by_org: Mutex::default(),
    });
    let mut callers = JoinSet::new();
    for caller in 0..CALLERS {
        callers.spawn(Arc::clone(&fleet).ask_on(caller));
    }

    let kills = KILLS.chosen();
    let mut operated = Operated::default();
    for kill in 1..=kills {
        let due = GRANTS.chosen() * kill / (kills + 1);
        eventually("calls to be granted", BOOKED_WITHIN, async || {
            let granted = fleet.granted.load(SeqCst);
            if granted >= due { Ok(()) } else { Err(format!("{granted} of {due}")) }
        })
        .await?;
        operated.operate(&fleet, usize::try_from(kill)?).await?;
        *fleet.phase.write().await = Phase::Careful;
        let named = fleet.names.load(SeqCst);
        eventually("calls under names", BOOKED_WITHIN, async || {
            let asked = fleet.names.load(SeqCst) - named;
            if asked > 200 { Ok(()) } else { Err(format!("{asked} asked")) }
        })
        .await?;
        let place = usize::try_from(kill)? % REPLICAS;
        replicas[place].kill()?;
        replicas[place] = start().await?;
        let url = replicas[place].base_url().to_owned();
        fleet.urls.lock().unwrap_or_else(PoisonError::into_inner)[place] = url;
        *fleet.phase.write().await = Phase::Plain;
        fleet.kills_left.fetch_sub(1, SeqCst);
    }
    while let Some(done) = callers.join_next().await {
        done??;
    }

    let rows = booked(&fleet, &server).await?;
    let expected = fleet.by_org.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let mut all = Used::default();
    for (org, used) in &expected {
        let row = &rows[&("org".to_owned(), org.clone())];
        let found = Used {
            granted: row["granted"].as_u64().context("granted")?,
            cost: row["cost"].as_i64().context("cost")?,
        };
        ensure!(found == *used, "{org}: the books say {found:?}, its callers {used:?}");
        all.granted += used.granted;
        all.cost += used.cost;
    }
    let row = &rows[&("all".to_owned(), String::new())];
    ensure!(row["granted"] == all.granted && row["cost"] == all.cost, "{row}, and not {all:?}");
    let (calls, operations): (Vec<_>, Vec<_>) =
        trail(&fleet, "org").await?.into_iter().partition(|entry| entry["kind"] == "call");
    operated.check(&operations, &rows)?;
    let told = told(&calls)?;
    ensure!(told == expected["told"], "the trail says {told:?}, its callers {:?}", expected["told"]);
    let names = fleet.names.load(SeqCst);
    println!("{} calls granted, {names} of them under names, {kills} replicas killed", all.granted);
    Ok(())
}

/// What the audit trail tells of a limit, from its first entry to its last, page by page.
async fn trail(fleet: &Fleet, limit: &str) -> Result<Vec<Value>> {
    let (mut entries, mut cursor) = (Vec::new(), String::new());
    loop {
        let target = fleet.url(0, &format!("/audit?limit={limit}&count=1000{cursor}"));
        let mut page: Value = fleet.http.get(target).send().await?.json().await?;
        entries.append(page["entries"].as_array_mut().context("entries")?);
        let Some(next) = page["next_cursor"].as_str() else { return Ok(entries) };
        cursor = format!("&cursor={next}");
    }
}

/// What the trail tells of granted calls, one by one.
fn told(calls: &[Value]) -> Result<Used> {
    let mut used = Used::default();
    for entry in calls {
        let calls = entry["calls"].as_u64().context("calls")?;
        ensure!(entry["org"] == "told", "{entry}");
        used.granted += calls;
        used.cost += i64::try_from(calls)? * entry["cost"].as_i64().context("cost")?;
    }
    Ok(used)
}

/// What operators and the provider have said.
#[derive(Default)]
struct Operated {
    pauses: u64,
    refusals: u64,
    /// Calls that were refused because their organisation is paused.
    turned_away: u64,
}

impl Operated {
    /// Pauses an organisation and lets it go on; has calls of another one refused by the provider.
    async fn operate(&mut self, fleet: &Fleet, kill: usize) -> Result<()> {
        // What is paused explains that the provider refuses calls.
        for key in ["held", "refused"] {
            let paused = json!({"limit": "org", "key": key, "for_ms": 600_000});
            let status = fleet.http.post(fleet.url(0, "/pauses")).json(&paused).send().await?.status();
            ensure!(status == StatusCode::OK, "a pause was answered {status}");
        }
        let target = fleet.url(1, "/pauses?limit=org&key=held");
        let ended: Value = fleet.http.delete(target).send().await?.json().await?;
        ensure!(ended["resumed"] == true, "the end of a pause was answered {ended}");
        self.pauses += 1;
        for replica in 0..REPLICAS {
            let call = json!({"org": "refused", "method": "GET", "path": "/"});
            let told = json!({"call": call, "status": 429, "headers": {"retry-after": "5"}});
            let answer = fleet.http.post(fleet.url(replica, "/observe")).json(&told).send().await?;
            let taken: Value = answer.json().await?;
            ensure!(taken["paused"]["name"] == "org" && taken["paused"]["key"] == "refused", "{taken}");
            self.refusals += 1;
        }
        self.be_turned_away(fleet, kill + REPLICAS - 1).await
    }

    /// Has calls refused by the replica that has come up last, which is the last one to be killed: it has long reported
    /// them by then.
    async fn be_turned_away(&mut self, fleet: &Fleet, replica: usize) -> Result<()> {
        let call = json!({"call": {"org": "refused", "method": "GET", "path": "/"}});
        for _ in 0..TURNED_AWAY {
            let answer = fleet.http.post(fleet.url(replica, "/acquire")).json(&call).send().await?;
            ensure!(
                answer.status() == StatusCode::TOO_MANY_REQUESTS,
                "a paused call was answered {answer:?}"
            );
            self.turned_away += 1;
        }
        Ok(())
    }

    /// Compares it with the entries that the trail has of it, and with the books.
    fn check(&self, trail: &[Value], rows: &Rows) -> Result<()> {
        let of_kind = |kind: &'static str| trail.iter().filter(move |entry| entry["kind"] == kind);
        let (holds, resumes) = (of_kind("hold").count() as u64, of_kind("resume").count() as u64);
        ensure!(
            (holds, resumes) == (2 * self.pauses, self.pauses),
            "{holds} holds, {resumes} resumes: {trail:?}"
        );
        let counted: u64 = of_kind("repeated").filter_map(|entry| entry["refused"].as_u64()).sum();
        let told = of_kind("pause").count() as u64 + counted;
        ensure!(told == self.refusals, "{told} refusals are told, {} were: {trail:?}", self.refusals);
        let throttled = of_kind("throttled").count() as u64;
        ensure!(
            throttled == self.refusals,
            "{throttled} refusals are told, {} were: {trail:?}",
            self.refusals
        );
        let row = &rows[&("org".to_owned(), "refused".to_owned())];
        let turned_away: u64 = of_kind("episode").filter_map(|entry| entry["refused"].as_u64()).sum();
        let counted = (row["refused"].as_u64(), turned_away);
        ensure!(
            counted == (Some(self.turned_away), self.turned_away),
            "the books and the episodes have {counted:?} calls turned away, {} were: {trail:?}",
            self.turned_away
        );
        ensure!(row["throttled"] == self.refusals, "{row}, and not {} refusals", self.refusals);
        Ok(())
    }
}

/// What was used, by limit and key.
type Rows = BTreeMap<(String, String), Value>;

/// Waits until everything is in the books.
async fn booked(fleet: &Fleet, server: &RedisServer) -> Result<Rows> {
    let mut connection = server.connection()?;
    let (seconds, _): (u64, u64) = redis::cmd("TIME").query(&mut connection)?;
    // Minutes that are not over are not booked.
    put_forward(server, "fleet", Duration::from_secs(120))?;
    let (from, to) = ((seconds - 7_200) * 1_000_000, (seconds + 7_200) * 1_000_000);
    let target = fleet.url(0, &format!("/usage?step=hour&from={from}&to={to}"));
    let ended = jiff::Timestamp::from_second(seconds.cast_signed())?;
    let told = eventually("the books", BOOKED_WITHIN, async || {
        let told = async { fleet.http.get(&target).send().await?.json::<Value>().await }.await;
        let told = told.map_err(|error| error.to_string())?;
        let until = told["complete_until"].as_str().and_then(|text| text.parse::<jiff::Timestamp>().ok());
        if until.is_some_and(|until| until > ended) { Ok(told) } else { Err(format!("{until:?}")) }
    });
    let told = told.await?;
    let mut rows = Rows::new();
    for row in told["rows"].as_array().context("rows")? {
        let text = |name: &str| row[name].as_str().unwrap_or_default().to_owned();
        // A long run may pass from one hour into the next.
        match rows.get_mut(&(text("limit"), text("key"))) {
            None => _ = rows.insert((text("limit"), text("key")), row.clone()),
            Some(sum) => {
                for name in ["granted", "cost", "refused", "throttled"] {
                    sum[name] = (sum[name].as_i64().unwrap_or(0) + row[name].as_i64().unwrap_or(0)).into();
                }
            }
        }
    }
    Ok(rows)
}
