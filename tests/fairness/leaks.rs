//! Calls in flight that must not stay so, and those that must: permits shared, dropped, repeated and observed.

use std::future::IntoFuture;
use std::task::{Context, Waker};
use std::time::Duration;

use anyhow::{Result, ensure};
use tokio::task::JoinSet;
use tollgate::{Call, Decision, Permit, Reason, Tollgate};

use crate::fleet::{Fleet, pass};

const EXPORTS: &str =
    "namespace = 'genesys'\n[[limit]]\nname = 'exports'\nper = ['client']\nconcurrent = 3\nlease = '30s'\n";
const LEASE: Duration = Duration::from_secs(30);
const HERE: [Duration; 2] = [Duration::ZERO; 2];

fn call() -> Call {
    Call::get("/exports").org("acme").client("app")
}

async fn granted(gate: &Tollgate, call: &Call) -> Result<Permit> {
    match gate.try_acquire(call).await? {
        Decision::Granted(permit) => Ok(permit),
        Decision::Refused(refused) => anyhow::bail!("{refused}"),
    }
}

async fn granted_at_once(gate: &Tollgate, calls: usize) -> Result<Vec<Permit>> {
    let mut asked = JoinSet::new();
    for _ in 0..calls {
        let gate = gate.clone();
        asked.spawn(async move { gate.acquire(&call()).await });
    }
    Ok(asked.join_all().await.into_iter().collect::<Result<_, _>>()?)
}

/// How many calls may be in flight beside those that are.
async fn free(gate: &Tollgate) -> Result<u64> {
    let buckets = gate.buckets_of("exports", "app").await?;
    let in_flight = buckets.iter().find(|bucket| bucket.measure == tollgate::Measure::InFlight);
    in_flight.map(|bucket| bucket.remaining).ok_or_else(|| anyhow::anyhow!("{buckets:?}"))
}

/// Goal: a dry run counts the calls in flight, not those that have been. Method: calls come in fours, of which an
/// observed limit would refuse some by its rate, others by the number in flight; when all are over none is in flight.
/// Once the leases of those over the limit were renewed for as long as the process lived.
#[tokio::test(start_paused = true)]
async fn calls_that_an_observed_limit_would_refuse_are_over_in_the_end() -> Result<()> {
    for rate in ["", "rate = '1/s'\nburst = 1"] {
        let fleet = Fleet::start(&format!("{EXPORTS}mode = 'observe'\n{rate}\n"), &HERE).await?;
        let gate = &fleet.replicas[0];
        for _ in 0..5 {
            let permits = granted_at_once(gate, 5).await?;
            ensure!(permits.iter().any(Permit::would_be_refused));
            drop(permits);
            pass(Duration::from_millis(10)).await;
            ensure!(free(gate).await? == 3, "{} are free with {rate:?}", free(gate).await?);
        }
        pass(LEASE * 2).await;
        ensure!(free(gate).await? == 3, "{} are free after the leases", free(gate).await?);
    }
    Ok(())
}

/// Goal: a call that was asked for twice under its name is in flight until both have let go of it.
#[tokio::test(start_paused = true)]
async fn a_call_that_two_hold_is_in_flight_until_both_let_go() -> Result<()> {
    let fleet = Fleet::start(EXPORTS, &HERE).await?;
    let (here, there) = (&fleet.replicas[0], &fleet.replicas[1]);
    let named = call().request_id("export-1");
    let held = granted(here, &named).await?;
    drop(granted(here, &named).await?);
    pass(Duration::from_millis(10)).await;
    ensure!(free(there).await? == 2, "one is held, {} are free", free(there).await?);
    // The third never learns that it has it.
    let mut acquire = here.acquire(&named).into_future();
    let mut context = Context::from_waker(Waker::noop());
    ensure!(acquire.as_mut().poll(&mut context).is_pending());
    pass(Duration::from_millis(10)).await;
    drop(acquire);
    pass(LEASE * 3).await;
    ensure!(free(there).await? == 2, "it is renewed, {} are free", free(there).await?);
    drop(held);
    pass(Duration::from_millis(10)).await;
    ensure!(free(there).await? == 3);
    Ok(())
}

/// Goal: nobody renews the lease of a call that somebody else has. Method: a call waits at one replica, is granted
/// under its name at the other one, and given up at the first.
#[tokio::test(start_paused = true)]
async fn a_call_that_was_given_up_is_not_kept_in_flight() -> Result<()> {
    let fleet = Fleet::start(EXPORTS, &HERE).await?;
    let (here, there) = (&fleet.replicas[0], &fleet.replicas[1]);
    let named = call().request_id("export-1");
    let mut others = Vec::new();
    for _ in 0..3 {
        others.push(granted(there, &call()).await?);
    }
    pass(Duration::from_secs(60)).await;
    let waiting = {
        let (gate, named) = (here.clone(), named.clone());
        tokio::spawn(async move { gate.acquire(&named).await.map(drop) })
    };
    pass(Duration::from_millis(1)).await;
    others.truncate(1);
    pass(Duration::from_millis(1)).await;
    let elsewhere = granted(there, &named).await?;
    waiting.abort();
    pass(Duration::from_millis(1)).await;
    drop((elsewhere, others));
    pass(LEASE * 2).await;
    ensure!(free(there).await? == 3, "{} are free", free(there).await?);
    Ok(())
}

/// Goal: a call that is over has no place kept for it. Method: it is over, others take all places, and it is asked for
/// again under its name: it waits for a place, though it has been paid for.
#[tokio::test(start_paused = true)]
async fn a_call_asked_for_again_when_it_is_over_waits_for_a_place() -> Result<()> {
    let fleet = Fleet::start(&format!("{EXPORTS}rate = '1/1h'\nburst = 9\n"), &HERE).await?;
    let (here, there) = (&fleet.replicas[0], &fleet.replicas[1]);
    let named = call().request_id("export-1");
    drop(granted(here, &named).await?);
    pass(Duration::from_millis(10)).await;
    let mut others = Vec::new();
    for _ in 0..3 {
        others.push(granted(there, &call()).await?);
    }
    let Decision::Refused(refused) = here.try_acquire(&named).await? else {
        anyhow::bail!("a fourth call is in flight");
    };
    ensure!(refused.reason == Reason::InFlight, "{refused}");
    let waiting = {
        let (gate, named) = (here.clone(), named.clone());
        tokio::spawn(async move { gate.acquire(&named).await })
    };
    pass(Duration::from_secs(1)).await;
    ensure!(!waiting.is_finished());
    others.pop();
    let permit = waiting.await??;
    ensure!(free(there).await? == 0);
    pass(LEASE * 2).await;
    ensure!(free(there).await? == 0, "its lease is renewed");
    let again = granted(there, &named).await?;
    drop(permit);
    pass(Duration::from_millis(10)).await;
    drop((again, others));
    pass(Duration::from_millis(10)).await;
    ensure!(free(there).await? == 3);
    let tokens = there.buckets_of("exports", "app").await?[0].remaining;
    ensure!(tokens == 5, "four calls were paid for, {tokens} of 9 are left");
    Ok(())
}

/// Goal: calls in flight stay counted when their leases become shorter.
#[tokio::test(start_paused = true)]
async fn calls_are_in_flight_when_their_leases_become_shorter() -> Result<()> {
    let fleet = Fleet::start(EXPORTS, &HERE).await?;
    let (here, there) = (&fleet.replicas[0], &fleet.replicas[1]);
    let held = granted(here, &call()).await?;
    fleet.govern(0, &EXPORTS.replace("30s", "1s")).await?;
    for _ in 0..600 {
        pass(Duration::from_millis(100)).await;
        ensure!(free(there).await? == 2, "{} are free", free(there).await?);
    }
    drop(held);
    Ok(())
}

/// Goal: what is to be renewed does not pile up while the store stands still. Method: five hundred calls are in flight
/// for an hour, then the store answers again.
#[tokio::test(start_paused = true)]
async fn renewals_do_not_pile_up_while_the_store_stands_still() -> Result<()> {
    let policy = EXPORTS.replace("30s", "1s").replace("concurrent = 3", "concurrent = 500");
    let fleet = Fleet::start(&policy, &HERE).await?;
    let gate = &fleet.replicas[0];
    let held = granted_at_once(gate, 500).await?;
    fleet.hold(0);
    pass(Duration::from_secs(3_600)).await;
    let before = fleet.store.calls();
    fleet.resume(0);
    pass(Duration::from_millis(200)).await;
    let made = fleet.store.calls() - before;
    ensure!(made <= 10, "{made} calls of scripts");
    ensure!(free(&fleet.replicas[1]).await? == 0);
    drop(held);
    Ok(())
}
