//! Deadlines into a saturated limit: nobody is late, and nobody is told a time that does not hold.

use std::time::Duration;

use anyhow::{Result, ensure};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tollgate::{Call, Decision, Refused, Tollgate};
use tollgate_testkit::{Seed, Sizes};

use crate::draw::Draw;
use crate::fleet::{Fleet, now};

const SHARED: &str =
    "namespace = 'genesys'\n[[limit]]\nname = 'token'\nper = ['client']\nrate = '300/s'\nburst = 30\n";

const ROUND_TRIPS: [Duration; 4] =
    [Duration::ZERO, Duration::ZERO, Duration::from_millis(1), Duration::from_millis(8)];
const ORGS: usize = 30;
/// By so much an answer may be late: the round trips of the batch that its line waits for and of its own.
const LATE_MOST: Duration = Duration::from_millis(20);

/// By then the store knows that a crowd has left.
const LEAVING_TAKES: Duration = Duration::from_millis(25);

/// A call, how it ended, and when.
struct Ended {
    deadline: Instant,
    at: Instant,
    refused: Option<Refused>,
}

fn call(org: usize) -> Call {
    Call::get("/api/v2/users").org(format!("org-{org}")).client("app")
}

async fn ask(gate: Tollgate, org: usize, wait: Duration) -> Result<Ended> {
    let deadline = now() + wait;
    let decision = gate.acquire(&call(org)).within(wait).decide().await?;
    let refused = match decision {
        Decision::Granted(_) => None,
        Decision::Refused(refused) => Some(refused),
    };
    Ok(Ended { deadline, at: now(), refused })
}

/// Twice as many calls as there are tokens come within a second, each with a deadline of its own within the next one.
async fn round(fleet: &Fleet, draw: &mut Draw) -> Result<Vec<Ended>> {
    let mut calls = JoinSet::new();
    for _ in 0..600 {
        let (replica, org) = (draw.below(ROUND_TRIPS.len()), draw.below(ORGS));
        let (gate, wait) = (fleet.replicas[replica].clone(), draw.millis(0, 1000));
        calls.spawn(async move { ask(gate, org, wait).await });
        if draw.one_in(2) {
            tokio::time::sleep_until(now() + draw.millis(0, 6)).await;
        }
    }
    let mut ended = Vec::new();
    while let Some(call) = calls.join_next().await {
        ended.push(call??);
    }
    Ok(ended)
}

/// Goal: deadlines hold, and refusals say when. Method: calls with random deadlines meet a limit that others saturate;
/// each must end by its deadline, and who is refused must be told a time past its deadline.
#[tokio::test(start_paused = true)]
async fn nobody_is_late_and_refusals_tell_a_time_that_holds() -> Result<()> {
    let mut draw = Draw::new(Seed::for_this_test()?);
    let fleet = Fleet::start(SHARED, &ROUND_TRIPS).await?;
    let (mut refusals, mut grants) = (0, 0);
    for _ in 0..(Sizes { ci: 20, long: 170 }).chosen() {
        let ended = round(&fleet, &mut draw).await?;
        for call in &ended {
            ensure!(call.at <= call.deadline + LATE_MOST, "{:?} late", call.at - call.deadline);
            let Some(refused) = &call.refused else {
                grants += 1;
                continue;
            };
            refusals += 1;
            ensure!(call.at + refused.retry_after > call.deadline, "it could have waited: {refused}");
        }
    }
    println!("{grants} granted, {refusals} refused");
    Ok(())
}

/// Goal: the time that a refusal tells is one that works. Method: after many calls have come, one more is refused, and
/// they all go away; it comes back at the time that it was told.
#[tokio::test(start_paused = true)]
async fn who_comes_back_at_the_told_time_is_granted() -> Result<()> {
    let mut draw = Draw::new(Seed::for_this_test()?);
    let fleet = Fleet::start(SHARED, &ROUND_TRIPS).await?;
    for number in 0..(Sizes { ci: 100, long: 2000 }).chosen() {
        let mut crowd = JoinSet::new();
        for _ in 0..draw.between(30, 300) {
            let (gate, org) = (fleet.replicas[draw.below(4)].clone(), draw.below(ORGS));
            crowd.spawn(async move { gate.acquire(&call(org)).await.map(drop) });
        }
        tokio::time::sleep_until(now() + draw.millis(15, 40)).await;
        let (gate, org) = (&fleet.replicas[draw.below(4)], draw.below(ORGS));
        if let Decision::Refused(refused) = gate.try_acquire(&call(org)).await?
            && refused.retry_after > LEAVING_TAKES
        {
            let told = now() + refused.retry_after;
            crowd.abort_all();
            tokio::time::sleep_until(told).await;
            let again = gate.try_acquire(&call(org)).await?;
            ensure!(matches!(again, Decision::Granted(_)), "round {number}: told {refused}, then {again:?}");
        }
        drop(crowd);
        tokio::time::sleep_until(now() + draw.millis(200, 400)).await;
    }
    Ok(())
}
