//! Calls in flight, on a fleet of real limiters in virtual time: kept while they last, free when they are over, and
//! shared.

use std::collections::BTreeMap;
use std::future::{Future, IntoFuture};
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Waker};
use std::time::Duration;

use anyhow::{Result, ensure};
use tollgate::{Call, Decision, Error, Permit, Reason, Tollgate};

use crate::figures::jain;
use crate::fleet::{Fleet, now, pass};

const EXPORTS: &str =
    "namespace = 'genesys'\n[[limit]]\nname = 'exports'\nper = ['client']\nconcurrent = 3\nlease = '30s'\n";
const LEASE: Duration = Duration::from_secs(30);
/// Whoever waits for others to be over looks again at the latest after this time.
const LOOK: Duration = Duration::from_millis(250);
const JUST_BEFORE_ITS_END: Duration = Duration::from_millis(29_999);
const FAR: Duration = Duration::from_millis(60);

fn call(org: &str) -> Call {
    Call::get("/exports").org(org).client("app")
}

/// Permits for as many calls as there may be in flight at `gate` now.
async fn take_all(gate: &Tollgate) -> Result<Vec<Permit>> {
    let mut permits = Vec::new();
    loop {
        match gate.try_acquire(&call("acme")).await? {
            Decision::Granted(permit) => permits.push(permit),
            Decision::Refused(refused) => {
                ensure!(refused.reason == Reason::InFlight, "{refused}");
                return Ok(permits);
            }
        }
    }
}

/// Goal: a call is in flight for as long as its permit is held, however long that is, and not a moment longer. Method:
/// three permits are held for an hour, and nobody else is granted one; each is given up in another way, and somebody
/// else has it.
#[tokio::test(start_paused = true)]
async fn a_call_is_in_flight_while_its_permit_is_held() -> Result<()> {
    let fleet = Fleet::start(EXPORTS, &[FAR, Duration::ZERO]).await?;
    let (far, near) = (&fleet.replicas[0], &fleet.replicas[1]);
    let mut held = take_all(far).await?;
    ensure!(held.len() == 3 && held[0].lease() == Some(LEASE), "{held:?}");
    for _ in 0..360 {
        pass(Duration::from_secs(10)).await;
        ensure!(take_all(near).await?.is_empty());
    }
    for end in 0..3 {
        let permit = held.pop().expect("three are held");
        match end {
            0 => drop(permit),
            1 => permit.settle(1).await?,
            _ => permit.give_back().await?,
        }
        pass(FAR).await;
        let free = take_all(near).await?;
        ensure!(free.len() == 1, "after end {end} {} are free", free.len());
        std::mem::forget(free);
    }
    Ok(())
}

/// Goal: a place that comes free is taken at once by who waits in the same process, and soon by who waits in another
/// one.
#[tokio::test(start_paused = true)]
async fn a_place_that_comes_free_is_taken_soon() -> Result<()> {
    for (replica, most) in [(0, Duration::from_millis(1)), (1, LOOK)] {
        let fleet = Fleet::start(EXPORTS, &[Duration::ZERO, Duration::ZERO]).await?;
        let mut held = take_all(&fleet.replicas[0]).await?;
        let gate = fleet.replicas[replica].clone();
        let waiting = tokio::spawn(async move { gate.acquire(&call("bolt")).await });
        pass(Duration::from_secs(60)).await;
        ensure!(!waiting.is_finished());
        let freed = now();
        drop(held.pop());
        waiting.await??;
        let waited = now() - freed;
        println!("replica {replica}: {waited:?}");
        ensure!(waited <= most, "replica {replica} waited for {waited:?}");
    }
    Ok(())
}

/// Goal: a call that waits for others to be over is refused at its deadline, not long before it and not after it.
#[tokio::test(start_paused = true)]
async fn whoever_waits_for_others_waits_until_its_deadline() -> Result<()> {
    let round_trip = Duration::from_millis(10);
    let fleet = Fleet::start(EXPORTS, &[round_trip]).await?;
    let gate = &fleet.replicas[0];
    let held = take_all(gate).await?;
    pass(Duration::from_secs(600)).await;
    let mut waiting = tokio::task::JoinSet::new();
    for number in 1..=500 {
        let gate = gate.clone();
        waiting.spawn(async move {
            let (began, patience) = (now(), Duration::from_millis(number * 7));
            let refused = gate.acquire(&call(&format!("org-{}", number % 20))).within(patience).await;
            (now() - began, patience, refused)
        });
    }
    while let Some(ended) = waiting.join_next().await {
        let (waited, patience, refused) = ended?;
        let Err(Error::Refused(refused)) = refused else { anyhow::bail!("{refused:?}") };
        ensure!(refused.reason == Reason::InFlight && !refused.retry_after.is_zero(), "{refused}");
        ensure!(waited + round_trip * 2 >= patience, "refused {waited:?} into {patience:?}");
        ensure!(waited <= patience + round_trip * 2, "refused {waited:?} into {patience:?}");
    }
    drop(held);
    Ok(())
}

/// Goal: what a dead replica held is free once its leases have run out, and not before: its calls may be in flight.
#[tokio::test(start_paused = true)]
async fn the_places_of_the_dead_are_free_after_their_lease() -> Result<()> {
    let fleet = Fleet::start(EXPORTS, &[Duration::ZERO, Duration::ZERO]).await?;
    let held = take_all(&fleet.replicas[0]).await?;
    pass(Duration::from_secs(95)).await;
    fleet.kill(0);
    let killed = now();
    let mut waits = Vec::new();
    for _ in 0..3 {
        std::mem::forget(fleet.replicas[1].acquire(&call("bolt")).await?);
        waits.push(now() - killed);
    }
    println!("{waits:?}");
    ensure!(waits.iter().all(|wait| *wait + LOOK >= LEASE * 2 / 3 && *wait <= LEASE + LOOK), "{waits:?}");
    drop(held);
    Ok(())
}

/// Goal: a call that is granted after its caller was told that the store does not answer is not in flight for ever.
/// Method: the way to the store is held up for longer than the store's timeout while calls are asked for, with and
/// without a request id; when it is open again the calls are granted to nobody.
#[tokio::test(start_paused = true)]
async fn a_call_that_is_granted_to_nobody_is_not_in_flight_for_ever() -> Result<()> {
    let fleet = Fleet::start(EXPORTS, &[Duration::ZERO, Duration::ZERO]).await?;
    let (slow, other) = (&fleet.replicas[0], &fleet.replicas[1]);
    for named in [false, true] {
        fleet.hold(0);
        let asked = if named { call("acme").request_id("once") } else { call("acme") };
        let told = slow.acquire(&asked).within(Duration::from_secs(1)).await;
        ensure!(matches!(told, Err(Error::Store(_))), "{told:?}");
        fleet.resume(0);
        pass(LEASE * 2).await;
        let free = take_all(other).await?;
        ensure!(free.len() == 3, "named {named}: {} are free", free.len());
        drop(free);
        pass(Duration::from_secs(1)).await;
    }
    Ok(())
}

/// Goal: a replica that stands still for less than its leases last keeps what it holds.
#[tokio::test(start_paused = true)]
async fn a_replica_that_stood_still_keeps_its_places() -> Result<()> {
    let fleet = Fleet::start(EXPORTS, &[Duration::ZERO, Duration::ZERO]).await?;
    let held = take_all(&fleet.replicas[0]).await?;
    fleet.hold(0);
    pass(JUST_BEFORE_ITS_END).await;
    ensure!(take_all(&fleet.replicas[1]).await?.is_empty());
    fleet.resume(0);
    pass(Duration::from_millis(1)).await;
    for _ in 0..10 {
        pass(LEASE / 2).await;
        ensure!(take_all(&fleet.replicas[1]).await?.is_empty(), "they are renewed again");
    }
    drop(held);
    Ok(())
}

/// Goal: after a loss of all state no more calls are in flight than may be, and those that are stay so. Method: the
/// store forgets everything while one of three permits is held; nobody is granted one until a lease has passed, and
/// then two.
#[tokio::test(start_paused = true)]
async fn a_loss_of_state_does_not_let_more_calls_fly() -> Result<()> {
    let fleet = Fleet::start(EXPORTS, &[Duration::ZERO, Duration::ZERO]).await?;
    let mut held = take_all(&fleet.replicas[0]).await?;
    held.truncate(1);
    pass(Duration::from_secs(5)).await;
    fleet.store.forget();
    let lost = now();
    let mut free = Vec::new();
    while now() < lost + LEASE * 3 {
        free.extend(take_all(&fleet.replicas[1]).await?);
        ensure!(free.is_empty() || now() - lost >= LEASE, "granted {:?} after the loss", now() - lost);
        pass(Duration::from_millis(100)).await;
    }
    ensure!(free.len() == 2, "{} beside the one that is held", free.len());
    drop(held);
    Ok(())
}

/// Polls `future` so many times, with all other tasks at rest in between, and drops it. Says whether it was done.
async fn dropped_after(polls: u32, future: impl Future) -> bool {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    for _ in 0..polls {
        if future.as_mut().poll(&mut context).is_ready() {
            return true;
        }
        pass(Duration::from_millis(7)).await;
    }
    false
}

/// Goal: an acquire dropped at any await leaves nothing in flight. Method: two of three places are taken; an acquire of
/// the third is dropped after every number of polls until it is done before that, and another one of a fourth place,
/// which waits; each time there is one place free afterwards.
#[tokio::test(start_paused = true)]
async fn an_acquire_dropped_at_any_await_leaves_nothing_in_flight() -> Result<()> {
    let fleet = Fleet::start(EXPORTS, &[Duration::from_millis(20), Duration::ZERO]).await?;
    let (far, near) = (&fleet.replicas[0], &fleet.replicas[1]);
    let mut held = take_all(near).await?;
    held.pop();
    pass(Duration::from_millis(50)).await;
    let acme = call("acme");
    for waits in [false, true] {
        for polls in 0..60 {
            let blocker = if waits { take_all(near).await? } else { Vec::new() };
            let done = dropped_after(polls, far.acquire(&acme).into_future()).await;
            drop(blocker);
            ensure!(!(done && waits), "it was granted a fourth place");
            pass(Duration::from_millis(300)).await;
            let free = take_all(near).await?;
            ensure!(free.len() == 1, "dropped after {polls} polls, {} are free", free.len());
            drop(free);
            pass(Duration::from_millis(300)).await;
        }
    }
    Ok(())
}

/// Goal: calls in flight are shared fairly, and are as many as may be. Method: four organisations at each of three
/// replicas, one of which asks for ten times as much, hold 12 places for half a second each, for five minutes.
#[tokio::test(start_paused = true)]
async fn calls_in_flight_are_shared_fairly() -> Result<()> {
    const PLACES: u32 = 12;
    const FLIGHT: Duration = Duration::from_millis(500);
    const TIME: Duration = Duration::from_secs(300);
    let policy = EXPORTS.replace("concurrent = 3", &format!("concurrent = {PLACES}"));
    let fleet = Fleet::start(&policy, &[Duration::from_millis(30), Duration::ZERO, Duration::ZERO]).await?;
    let granted: Arc<Mutex<BTreeMap<(usize, usize), u32>>> = Arc::default();
    let mut callers = tokio::task::JoinSet::new();
    for (replica, gate) in fleet.replicas.iter().enumerate() {
        for org in 0..4 {
            for _ in 0..if org == 0 { 60 } else { 6 } {
                let (gate, granted) = (gate.clone(), Arc::clone(&granted));
                callers.spawn(async move {
                    loop {
                        let permit = gate.acquire(&call(&format!("org-{org}"))).await?;
                        *granted
                            .lock()
                            .unwrap_or_else(PoisonError::into_inner)
                            .entry((org, replica))
                            .or_default() += 1;
                        pass(FLIGHT).await;
                        drop(permit);
                    }
                    #[expect(unreachable_code, reason = "says what the task returns")]
                    Ok::<(), Error>(())
                });
            }
        }
    }
    pass(TIME).await;
    callers.shutdown().await;
    let granted = granted.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let by = |key: fn(&(usize, usize)) -> usize| {
        let mut shares = BTreeMap::new();
        for (flow, count) in &granted {
            *shares.entry(key(flow)).or_default() += f64::from(*count);
        }
        shares
    };
    let (orgs, replicas) = (by(|flow| flow.0), by(|flow| flow.1));
    let most = f64::from(PLACES) * TIME.as_secs_f64() / FLIGHT.as_secs_f64();
    let used = orgs.values().sum::<f64>() / most;
    println!("used {used:.4}, orgs {orgs:?}, replicas {replicas:?}");
    ensure!((0.85..=1.0).contains(&used), "{used}");
    ensure!(jain(orgs.values().copied()) >= 0.99, "{orgs:?}");
    ensure!(jain(replicas.values().copied()) >= 0.95, "{replicas:?}");
    Ok(())
}
