//! What calls that cost less than they were charged give back: never what the provider has said since.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tollgate::Call;
use tollgate::engine::{Blamed, Lower, QuotaLeft, RefusedCall, Reply, Script};
use tollgate::policy::Path;

use crate::audit::SECOND_US;
use crate::head::values;
use crate::mutants::{self, Story};
use crate::namespace::Namespace;
use crate::program::Programs;
use crate::refused::{granted, standing, tell_refused};
use crate::usage::{book, close};

/// One limit for each organisation.
fn per_org(allowance: &str) -> String {
    format!("[[limit]]\nname = \"org\"\nper = [\"org\"]\n{allowance}\n")
}

fn path_of(namespace: &Namespace, cost: u32) -> Path {
    namespace.path(&Call::get("/").org("acme").cost(cost))
}

/// The provider has refused a call that was granted just now: nothing for so long.
fn refuse(namespace: &mut Namespace, path: &Path, wait: Duration, window: Duration) -> Result<()> {
    let granted_at_us = namespace.clock_us;
    let refused = RefusedCall { granted_at_us, wait, blamed: Blamed::Named, ..RefusedCall::default() };
    let reply = tell_refused(namespace, path, &[0], (refused, window));
    ensure!(reply.is_cut, "{reply:?}");
    Ok(())
}

/// After a refusal a bucket begins empty, whatever turns out about calls from before it. What they gave back in the
/// pause was nothing, but a moment after it all of it passed at once: 399 calls, two milliseconds after a refusal.
fn after_a_refusal(programs: &Programs) -> Result<()> {
    let mut namespace = Namespace::under(programs, &per_org("rate = \"10/s\"\nburst = 1000"));
    let (path, whole) = (path_of(&namespace, 1), path_of(&namespace, 1000));
    let (policy, granted_at_us) = (namespace.policy().clone(), namespace.clock_us);
    ensure!(granted(&mut namespace, &whole, 1) == 1);
    namespace.clock_us += 60 * SECOND_US;
    ensure!(granted(&mut namespace, &path, 1_000) == 600);
    refuse(&mut namespace, &path, Duration::from_millis(1), Duration::from_secs(1))?;
    namespace.clock_us += 2_000;
    namespace.settle(&whole, &policy, granted_at_us, &[0]);
    let passed = granted(&mut namespace, &path, 1_000);
    ensure!(passed == 0, "{passed} pass of an empty bucket");

    // What was granted since is given back.
    namespace.clock_us += 10 * SECOND_US;
    let granted_at_us = namespace.clock_us;
    ensure!(granted(&mut namespace, &path, 1_000) == 90);
    for _ in 0..50 {
        namespace.settle(&path, &policy, granted_at_us, &[0]);
    }
    let passed = granted(&mut namespace, &path, 1_000);
    ensure!(passed == 50, "{passed} pass of the 50 that were given back");
    Ok(())
}

/// Of what the provider has said is left nothing becomes more because calls from before it have cost less: it knows
/// what they have cost. Five passed of two.
fn after_a_lowering(programs: &Programs) -> Result<()> {
    let mut namespace = Namespace::under(programs, &per_org("rate = \"10/s\"\nburst = 10"));
    let (path, whole) = (path_of(&namespace, 1), path_of(&namespace, 4));
    let (policy, granted_at_us) = (namespace.policy().clone(), namespace.clock_us);
    let owed = namespace.acquire_on(&whole, 1).debts[0];
    let mut lower = Lower::granted_in(0, granted_at_us);
    lower.push(&path.buckets()[0], QuotaLeft { owed, remaining: 2, resets_in: None });
    let argument = lower.encode(namespace.policy(), namespace.fence(), &namespace.server());
    ensure!(Lower::decode(&namespace.ask(Script::LOWER, argument)) == Ok(Reply::Done(1)));
    namespace.settle(&whole, &policy, granted_at_us, &[1]);
    let passed = granted(&mut namespace, &path, 10);
    ensure!(passed == 2, "{passed} pass of two that are left");
    Ok(())
}

/// What the provider has said is known for as long as calls may be settled, however long nobody is refused. It was once
/// forgotten after a minute: of a bucket that the provider had emptied 460 calls passed nine minutes later that it had
/// counted.
fn long_after_a_lowering(programs: &Programs) -> Result<()> {
    let mut namespace = Namespace::under(programs, &per_org("rate = \"1/s\"\nburst = 1000"));
    let (path, whole) = (path_of(&namespace, 1), path_of(&namespace, 1_000));
    let (policy, granted_at_us) = (namespace.policy().clone(), namespace.clock_us);
    let owed = namespace.acquire_on(&whole, 1).debts[0];
    namespace.clock_us += SECOND_US;
    let now_us = namespace.clock_us;
    granted(&mut namespace, &path, 1);
    let mut lower = Lower::granted_in(0, now_us);
    lower.push(&path.buckets()[0], QuotaLeft { owed, remaining: 0, resets_in: Some(Duration::from_secs(5)) });
    let argument = lower.encode(namespace.policy(), namespace.fence(), &namespace.server());
    ensure!(Lower::decode(&namespace.ask(Script::LOWER, argument)) == Ok(Reply::Done(1)));
    for _ in 0..9 {
        namespace.clock_us += 60 * SECOND_US;
        ensure!(granted(&mut namespace, &path, 1_000) > 50);
    }
    namespace.settle(&whole, &policy, granted_at_us, &[0]);
    let passed = granted(&mut namespace, &path, 1_000);
    ensure!(passed == 0, "{passed} pass that the provider has counted");

    // Who settles later than that is told that it is too late, and nothing of it is kept.
    namespace.clock_us += 61 * SECOND_US;
    granted(&mut namespace, &path, 1);
    let state = namespace.lab.state();
    let record = values(state.get("b:org:acme").context("the bucket")?);
    ensure!(record.len() <= 10, "{record:?}");
    Ok(())
}

/// What turns out later of calls from before a refusal says nothing of the pace since: they were refused for that, or
/// others were. A bucket that nobody asked for was once raised by them. What calls have cost more that were granted
/// since is used up as what they were charged.
fn more_with_a_pace(programs: &Programs) -> Result<()> {
    let mut namespace = Namespace::under(programs, &per_org("rate = \"10/s\"\nburst = 10"));
    let path = path_of(&namespace, 1);
    let policy = namespace.policy().clone();
    let before_us = namespace.clock_us;
    ensure!(granted(&mut namespace, &path, 1) == 1);
    namespace.clock_us += SECOND_US;
    refuse(&mut namespace, &path, Duration::from_secs(1), Duration::from_secs(10))?;
    namespace.clock_us += 2 * SECOND_US;
    let since_us = namespace.clock_us;
    ensure!(granted(&mut namespace, &path, 1) == 1);
    for (granted_at_us, expected) in [(before_us, 922), (since_us, 941)] {
        namespace.settle(&path, &policy, granted_at_us, &[101]);
        namespace.clock_us += 20 * SECOND_US;
        ensure!(granted(&mut namespace, &path, 1) == 1);
        let share = standing(&mut namespace, &path)[0].share;
        ensure!(share == expected, "{share} of 1024 after what was granted at {granted_at_us} has cost more");
    }
    Ok(())
}

/// What is corrected too late to be worth anything has used up the pace all the same. It was once taken off what was
/// used, and a bucket whose calls all cost less than they are charged never came back to its rate.
fn late_with_a_pace(programs: &Programs) -> Result<()> {
    let mut namespace = Namespace::under(programs, &per_org("rate = \"10/s\"\nburst = 10"));
    let path = path_of(&namespace, 5);
    let policy = namespace.policy().clone();
    refuse(&mut namespace, &path, Duration::from_secs(1), Duration::from_secs(10))?;
    let mut sent_us = Vec::new();
    for _ in 0..600 {
        namespace.clock_us += SECOND_US / 10;
        let now_us = namespace.clock_us;
        sent_us.retain(|&at_us| {
            let is_answered = now_us - at_us >= SECOND_US;
            if is_answered {
                namespace.settle(&path, &policy, at_us, &[2]);
            }
            !is_answered
        });
        if granted(&mut namespace, &path, 1) == 1 {
            sent_us.push(now_us);
        }
    }
    let share = standing(&mut namespace, &path)[0].share;
    ensure!(share == 1024, "{share} of 1024 after a minute in which it was used up");
    Ok(())
}

/// After a loss of state a bucket begins empty by the policy that is in force, whoever corrects what was charged before
/// it. Whoever did not know of a raise yet once wrote it down as he knew it: of a burst of 100 all passed but one.
fn after_a_loss(programs: &Programs) -> Result<()> {
    let mut namespace = Namespace::under(programs, &per_org("rate = \"1/m\"\nburst = 1"));
    let (old_path, old) = (path_of(&namespace, 1), namespace.policy().clone());
    namespace.change(&per_org("rate = \"1/m\"\nburst = 100"));
    let path = path_of(&namespace, 1);
    let granted_at_us = namespace.clock_us;
    ensure!(granted(&mut namespace, &path, 100) == 100);
    namespace.clock_us += SECOND_US;
    namespace.failover();
    namespace.settle(&old_path, &old, granted_at_us, &[0]);
    let passed = granted(&mut namespace, &path, 100);
    ensure!(passed == 0, "{passed} pass of a bucket that is not known");
    // It is counted all the same: 100 were granted, and one of them was not sent.
    close(&mut namespace);
    let tokens: i64 = book(&mut namespace, true).values().map(|row| row.tokens).sum();
    ensure!(tokens == 99, "{tokens} in the books");
    Ok(())
}

const STORIES: [(&str, Story); 6] = [
    ("after a refusal", after_a_refusal),
    ("after a lowering", after_a_lowering),
    ("long after a lowering", long_after_a_lowering),
    ("more with a pace", more_with_a_pace),
    ("late with a pace", late_with_a_pace),
    ("after a loss", after_a_loss),
];

#[test]
fn a_bucket_begins_empty_after_a_refusal_whatever_is_given_back() -> Result<()> {
    after_a_refusal(&Programs::original())
}

#[test]
fn what_is_left_becomes_no_more_by_what_is_given_back() -> Result<()> {
    after_a_lowering(&Programs::original())
}

#[test]
fn what_the_provider_has_said_is_known_as_long_as_calls_are_settled() -> Result<()> {
    long_after_a_lowering(&Programs::original())
}

#[test]
fn calls_from_before_a_refusal_that_have_cost_more_raise_no_pace() -> Result<()> {
    more_with_a_pace(&Programs::original())
}

#[test]
fn what_is_given_back_too_late_keeps_no_pace_down() -> Result<()> {
    late_with_a_pace(&Programs::original())
}

#[test]
fn what_is_given_back_after_a_loss_is_no_more_than_counted() -> Result<()> {
    after_a_loss(&Programs::original())
}

/// Changes for the worse.
const MUTANTS: [(&str, &str); 9] = [
    ("now - said_at > SETTLE_WITHIN_US", "true"),
    ("now - said_at > SETTLE_WITHIN_US", "false"),
    ("bucket.pace and granted_at > known_since(bucket)", "bucket.pace and credits > 0"),
    ("max(head.ruled, pace.refused_at, pace.lowered_at)", "max(head.ruled, pace.lowered_at)"),
    ("max(head.ruled, pace.refused_at, pace.lowered_at)", "max(head.ruled, pace.refused_at)"),
    ("max(head.ruled, pace.refused_at, pace.lowered_at)", "now"),
    ("max(0, bucket.pace.used - floor(credits / terms.credit))", "max(0, bucket.pace.used - tokens)"),
    ("not (bucket.new or bucket.is_lost)", "not bucket.new"),
    ("  if (buckets[b].added or 0) ~= 0 and", "  if buckets[b].new and"),
];

/// The stories are worth telling: each mutant makes one of them come out differently.
#[test]
fn every_mutant_of_what_is_given_back_is_found_out() -> Result<()> {
    mutants::are_found_out(&MUTANTS, &STORIES)
}
