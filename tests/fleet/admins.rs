//! Operators change the policy while a fleet grants: no change is lost, and no grant is by a policy that was already
//! over.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context, Result, bail, ensure};
use reqwest::StatusCode;
use reqwest::header::{ETAG, IF_MATCH};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tollgate_testkit::Sizes;

use super::fleet::Fleet;

/// Processes that grant, and callers of each.
const REPLICAS: usize = 8;
const CALLERS_EACH: usize = 8;

/// How many calls are granted at the least.
const GRANTS: Sizes<u64> = Sizes { ci: 100_000, long: 1_000_000 };

/// Who changes the policy, and how often each.
const ADMINS: usize = 4;
const CHANGES_EACH: u64 = 50;

/// Nothing here ever binds. The burst of `stamp` is another one in each version, and each answer tells it: by that a
/// grant says under which version it was made.
const FIRST_STAMP: u64 = 1_000_000;

fn policy() -> String {
    format!(
        "namespace = 'fleet'
        [[limit]]
        name = 'org'
        per = ['org']
        rate = '100000/s'
        [[limit]]
        name = 'stamp'
        per = []
        rate = '1000000/s'
        burst = {FIRST_STAMP}"
    )
}

/// What the ledger keeps: the highest stamp whose change was acknowledged before a call was sent binds that call.
#[derive(Default)]
struct Ledger {
    acknowledged: AtomicU64,
    granted: AtomicU64,
    refused_changes: AtomicU64,
    admins_left: AtomicU64,
}

impl Ledger {
    fn is_over(&self) -> bool {
        let granted = self.granted.load(Ordering::SeqCst) >= GRANTS.chosen();
        granted && self.admins_left.load(Ordering::SeqCst) == 0
    }
}

/// Asks one replica again and again. Each grant is compared with what was acknowledged before it was asked for.
async fn call(http: reqwest::Client, url: String, org: String, ledger: Arc<Ledger>) -> Result<()> {
    let body = json!({"call": {"org": org, "method": "GET", "path": "/users"}});
    while !ledger.is_over() {
        let floor = ledger.acknowledged.load(Ordering::SeqCst);
        let answer = http.post(&url).json(&body).send().await?;
        ensure!(answer.status() == StatusCode::OK, "{}: {}", answer.status(), answer.text().await?);
        let fields = answer.headers().get("ratelimit-policy").context("the limits of a grant")?.to_str()?;
        let stamp = fields.split("\"stamp\";q=").nth(1).and_then(|rest| rest.split(';').next());
        let stamp: u64 = stamp.with_context(|| format!("no stamp in {fields}"))?.parse()?;
        ensure!(
            stamp >= floor,
            "granted by {stamp}, though {floor} was acknowledged before it was asked for"
        );
        answer.bytes().await?;
        ledger.granted.fetch_add(1, Ordering::SeqCst);
    }
    Ok(())
}

/// Reads the policy at one replica, changes its own override and the stamp, and puts it at another one; from the start
/// if another admin was faster.
async fn administer(
    http: reqwest::Client,
    urls: Vec<String>,
    admin: usize,
    ledger: Arc<Ledger>,
) -> Result<()> {
    let (mut changes, mut tries) = (0, 0);
    while changes < CHANGES_EACH {
        tries += 1;
        let at = |turn: usize| &urls[(admin + turn) % urls.len()];
        let read = http.get(at(tries)).send().await?;
        let tag = read.headers().get(ETAG).context("a tag")?.clone();
        let mut policy: Value = read.json().await?;
        let stamp = policy["limit"][1]["burst"].as_u64().context("a stamp")? + 1;
        policy["limit"][1]["burst"] = stamp.into();
        let own = &mut policy["limit"][0]["override"][format!("admin-{admin}")];
        let burst = own["burst"].as_u64().unwrap_or(0) + 1;
        *own = json!({"burst": burst});
        let written = http.put(at(tries + 1)).header(IF_MATCH, tag).json(&policy).send().await?;
        match written.status() {
            StatusCode::OK => {
                changes += 1;
                ensure!(burst == changes, "a change of admin {admin} was lost: {burst} after {changes}");
                ledger.acknowledged.fetch_max(stamp, Ordering::SeqCst);
            }
            StatusCode::PRECONDITION_FAILED => _ = ledger.refused_changes.fetch_add(1, Ordering::SeqCst),
            status => bail!("admin {admin} was answered {status}: {}", written.text().await?),
        }
    }
    ledger.admins_left.fetch_sub(1, Ordering::SeqCst);
    Ok(())
}

/// Goal: G8 for changes of the policy, and that none is lost. Method: 64 callers of eight processes ask without pause
/// while four admins change the same document 200 times, each time at any replica, under the condition that nobody else
/// has changed it. Each grant tells the version it was made under; that is never older than the last change that was
/// acknowledged before the call was sent. In the end the policy has all changes, and as many versions.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_change_is_lost_and_no_grant_is_by_an_older_policy() -> Result<()> {
    let fleet = Fleet::start(&policy(), REPLICAS).await?;
    let ledger = Arc::new(Ledger { admins_left: AtomicU64::new(ADMINS as u64), ..Ledger::default() });
    let http = reqwest::Client::new();
    let mut at_work = JoinSet::new();
    for (index, replica) in fleet.replicas.iter().enumerate() {
        for caller in 0..CALLERS_EACH {
            let org = format!("org-{}", (index * CALLERS_EACH + caller) % 50);
            at_work.spawn(call(http.clone(), replica.url("/v1/fleet/acquire"), org, Arc::clone(&ledger)));
        }
    }
    let urls: Vec<_> = fleet.replicas.iter().map(|replica| replica.url("/v1/fleet/policy")).collect();
    for admin in 0..ADMINS {
        at_work.spawn(administer(http.clone(), urls.clone(), admin, Arc::clone(&ledger)));
    }
    while let Some(done) = at_work.join_next().await {
        done??;
    }

    let last: Value = http.get(&urls[0]).send().await?.json().await?;
    let changes = ADMINS as u64 * CHANGES_EACH;
    ensure!(last["limit"][1]["burst"] == FIRST_STAMP + changes, "{last}");
    for admin in 0..ADMINS {
        let own = &last["limit"][0]["override"][format!("admin-{admin}")]["burst"];
        ensure!(*own == CHANGES_EACH, "{last}");
    }
    let versions = fleet.replicas[0].url("/v1/fleet/policy/versions");
    let versions: Value = http.get(versions).send().await?.json().await?;
    ensure!(versions["versions"][0]["version"] == changes + 1, "{versions}");
    let granted = ledger.granted.load(Ordering::SeqCst);
    let refused = ledger.refused_changes.load(Ordering::SeqCst);
    println!("{granted} grants, {changes} changes, {refused} of which had to be made again");
    ensure!(refused > 0, "no two admins ever met: nothing was tried");
    let load = fleet.load();
    fleet.end(load).await.map(drop)
}
