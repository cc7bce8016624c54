//! The limiter as an application holds it: waiting, cancelling, losing answers, losing the store's state.

mod audit;
mod call_records;
mod cancellation;
mod deadlines;
mod diagnosis;
mod dry_run;
mod episodes;
mod exactly_once;
mod hold;
mod metrics;
mod outage;
mod permits;
mod policy_change;
mod policy_versions;
mod remaining;
mod removal;
mod state_loss;
mod tracing_spans;
mod unfit_stores;
mod usage;
mod waiting;

use std::time::Duration;

use anyhow::{Result, ensure};
use tollgate::{Begin, BucketState, Call, Decision, Permit, Policy, Tollgate};
use tollgate_testkit::eventually;

/// A policy with one limit per org.
fn per_org(terms: &str) -> Result<Policy> {
    let document = format!("namespace = 'test'\n[[limit]]\nname = 'org'\nper = ['org']\n{terms}\n");
    Ok(Policy::from_toml(&document)?)
}

/// A limiter on the store at `url`, whose buckets begin full.
async fn gate(url: &str, policy: Policy) -> Result<Tollgate> {
    Ok(Tollgate::builder("test").store(url.parse()?).policy(policy).begin(Begin::Full).connect().await?)
}

/// The call of an org.
fn call(org: &str) -> Call {
    Call::get("/api/v2/users").org(org)
}

/// A permit that must be there to be had.
async fn granted(gate: &Tollgate, call: &Call) -> Result<Permit> {
    match gate.try_acquire(call).await? {
        Decision::Granted(permit) => Ok(permit),
        Decision::Refused(refused) => anyhow::bail!("not granted: {refused}"),
    }
}

/// The bucket of an org.
async fn bucket(gate: &Tollgate, org: &str) -> Result<BucketState> {
    gate.buckets_of("org", org).await?.pop().ok_or_else(|| anyhow::anyhow!("the policy has a limit per org"))
}

/// Waits until the bucket of an org holds `tokens`.
async fn holds(gate: &Tollgate, org: &str, tokens: u64) -> Result<()> {
    eventually(&format!("{tokens} tokens in the bucket of {org}"), Duration::from_secs(10), async || {
        let bucket = bucket(gate, org).await.map_err(|error| error.to_string())?;
        if bucket.remaining == tokens { Ok(()) } else { Err(format!("{bucket:?}")) }
    })
    .await
}

/// That nothing but `granted` calls was spent of a burst that does not come back while a test runs.
async fn spent_exactly(gate: &Tollgate, org: &str, granted: u64) -> Result<()> {
    let bucket = bucket(gate, org).await?;
    ensure!(bucket.burst - bucket.remaining == granted, "{granted} were granted, the bucket says {bucket:?}");
    Ok(())
}
