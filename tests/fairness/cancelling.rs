//! Dropping a call that waits in the queue of a shared limit: tokens and queue are as if it had never come.

use std::collections::BTreeSet;
use std::future::{Future, IntoFuture};
use std::pin::pin;
use std::task::{Context, Waker};
use std::time::Duration;

use anyhow::{Result, ensure};
use tollgate::{Call, Decision, Tollgate};

use crate::fleet::{Fleet, pass};

/// A token a second, and none to begin with once one has been taken.
const SLOW: &str =
    "namespace = 'genesys'\n[[limit]]\nname = 'token'\nper = ['client']\nrate = '1/s'\nburst = 1\n";

/// Longer than a flow is remembered, and the sweep takes to come round.
const SWEPT: Duration = Duration::from_secs(100);

fn call(org: &str) -> Call {
    Call::get("/api/v2/users").org(org).client("app")
}

/// Polls `future` so many times, with all other tasks at rest in between, and drops it. Says whether it was done.
async fn dropped_after(polls: u32, future: impl Future) -> bool {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    for _ in 0..polls {
        if future.as_mut().poll(&mut context).is_ready() {
            return true;
        }
        // Nothing sleeps for so short a time but this: whoever can run does.
        pass(Duration::from_millis(40)).await;
    }
    false
}

async fn is_granted(gate: &Tollgate, org: &str) -> Result<bool> {
    Ok(matches!(gate.try_acquire(&call(org)).await?, Decision::Granted(_)))
}

/// The records that say who waits or has waited.
fn queue_records(fleet: &Fleet) -> BTreeSet<String> {
    let records = fleet.store.records("genesys").into_iter();
    records.filter(|record| ["b:", "f:", "n:"].iter().any(|kind| record.starts_with(kind))).collect()
}

/// Goal: whoever gives up while waiting leaves nothing behind, wherever it does. Method: a bucket is emptied, and an
/// acquire on it is dropped after every number of polls until it is done before; each time the next token is there for
/// somebody else as soon as it is earned, and in the end the store is empty.
#[tokio::test(start_paused = true)]
async fn a_waiting_call_dropped_at_any_await_leaves_tokens_and_queue_as_before() -> Result<()> {
    let fleet = Fleet::start(SLOW, &[Duration::from_millis(20), Duration::ZERO]).await?;
    let (far, near) = (&fleet.replicas[0], &fleet.replicas[1]);
    for polls in 0.. {
        ensure!(is_granted(near, "other").await?, "after {polls} polls the bucket was not full");
        let acme = call("acme");
        let done = dropped_after(polls, far.acquire(&acme).into_future()).await;
        if done {
            ensure!(polls > 20, "it waited for a token: {polls} polls");
            break;
        }
        // What the dropped call held is free again at once, a round trip later.
        pass(Duration::from_millis(1100)).await;
    }
    pass(SWEPT).await;
    ensure!(queue_records(&fleet).is_empty(), "{:?}", fleet.store.records("genesys"));
    Ok(())
}

/// Goal: a call that gave up holds nobody up. Method: it is first in the queue, and dropped; the one that came behind
/// it on another replica is granted no later than its told time, and one that comes then takes the turn that was given
/// up.
#[tokio::test(start_paused = true)]
async fn a_turn_that_was_given_up_is_free_for_the_next() -> Result<()> {
    let fleet = Fleet::start(SLOW, &[Duration::ZERO, Duration::ZERO]).await?;
    let (one, other) = (&fleet.replicas[0], &fleet.replicas[1]);
    ensure!(is_granted(one, "first").await?, "it begins full");
    let acme = call("acme");
    dropped_after(5, one.acquire(&acme).into_future()).await;
    pass(Duration::from_millis(5)).await;
    let permit = other.acquire(&call("late")).await?;
    let waited = permit.waited();
    ensure!(
        waited <= Duration::from_millis(1001),
        "it waited for {waited:?} behind a call that was given up"
    );
    Ok(())
}
