//! What is owed outlasts what happens meanwhile: cuts, changes of the policy, restarts, and the sweep.

use std::time::Duration;

use anyhow::{Result, ensure};
use tollgate::Call;
use tollgate::engine::{Blamed, RefusedCall};
use tollgate::policy::Path;

use crate::audit::SECOND_US;
use crate::hold::hold;
use crate::mutants::{self, Story};
use crate::namespace::Namespace;
use crate::program::Programs;
use crate::refused::{granted, tell_refused};

/// One limit for each organisation.
pub(crate) fn per_org(allowance: &str) -> String {
    format!("[[limit]]\nname = \"org\"\nper = [\"org\"]\n{allowance}\n")
}

pub(crate) fn path_of(namespace: &Namespace, org: &str, cost: u32) -> Path {
    namespace.path(&Call::get("/").org(org).cost(cost))
}

/// A bucket that has granted so many calls is paused for 30 s; five seconds later it has another allowance.
pub(crate) fn changed_in_a_pause(
    programs: &Programs,
    calls: u32,
    [before, after]: [&str; 2],
) -> Result<(Namespace, Path)> {
    let mut namespace = Namespace::under(programs, &per_org(before));
    let path = path_of(&namespace, "acme", 1);
    ensure!(granted(&mut namespace, &path, calls) == calls);
    hold(&mut namespace, &path, 30);
    namespace.clock_us += 5 * SECOND_US;
    namespace.change(&per_org(after));
    let path = path_of(&namespace, "acme", 1);
    Ok((namespace, path))
}

/// A bucket at 100 a second that was spent; in the pause the policy comes to 1 a second.
fn slowed_down_in_a_pause(programs: &Programs) -> Result<(Namespace, Path)> {
    changed_in_a_pause(programs, 100, ["rate = \"100/s\"\nburst = 100", "rate = \"1/s\"\nburst = 100"])
}

/// A pause ends empty, also where the policy was slowed down in it. Its record is as of its end, which is later than
/// the change; so the sweep took it to have been paid off at the old rate, and all 100 passed ten seconds later.
fn slowed_down_and_swept(programs: &Programs) -> Result<()> {
    let (mut namespace, path) = slowed_down_in_a_pause(programs)?;
    namespace.clock_us += 35 * SECOND_US;
    namespace.sweep();
    let passed = granted(&mut namespace, &path, 100);
    ensure!(passed == 10, "{passed} pass ten seconds after the end");
    // What the sweep has booked is as slow as it was.
    namespace.clock_us += 61 * SECOND_US;
    namespace.sweep();
    ensure!(granted(&mut namespace, &path, 100) == 61);
    Ok(())
}

/// And a call that has cost more is charged, and nothing is paid off with that: 99 passed once, a second after the end.
fn slowed_down_and_corrected(programs: &Programs) -> Result<()> {
    let (mut namespace, path) = slowed_down_in_a_pause(programs)?;
    let (policy, granted_at_us) = (namespace.policy().clone(), namespace.clock_us - 5 * SECOND_US);
    namespace.clock_us += 27 * SECOND_US;
    namespace.settle(&path, &policy, granted_at_us, &[2]);
    let passed = granted(&mut namespace, &path, 100);
    ensure!(passed == 1, "{passed} pass two seconds after the end, one of which has been sent already");
    Ok(())
}

/// Another limit changes after the end, before anybody asks: nothing is paid off at the rate from before the pause. All
/// of a hundred once passed.
fn slowed_down_and_changed_again(programs: &Programs) -> Result<()> {
    for is_swept in [false, true] {
        let (mut namespace, _) = slowed_down_in_a_pause(programs)?;
        namespace.clock_us += 30 * SECOND_US;
        let other = "[[limit]]\nname = \"other\"\nper = []\nwhen = { path = \"/other\" }\nrate = \"1/s\"\n";
        namespace.change(&format!("{}{other}", per_org("rate = \"1/s\"\nburst = 100")));
        let path = path_of(&namespace, "acme", 1);
        namespace.clock_us += 5 * SECOND_US;
        if is_swept {
            namespace.sweep();
        }
        let passed = granted(&mut namespace, &path, 100);
        ensure!(passed == 10, "{passed} pass ten seconds after the end, swept: {is_swept}");
    }
    Ok(())
}

/// A pause that outlasts the server process ends empty, whether it is swept or not. It was once removed as soon as it
/// was over, and a bucket without a record is full so long after a loss: 1,000 passed.
fn restarted_in_a_pause(programs: &Programs) -> Result<()> {
    for is_swept in [false, true] {
        let mut namespace = Namespace::under(programs, &per_org("rate = \"10/s\"\nburst = 1000"));
        let path = path_of(&namespace, "acme", 1);
        ensure!(granted(&mut namespace, &path, 1) == 1);
        hold(&mut namespace, &path, 600);
        namespace.failover();
        let other = path_of(&namespace, "globex", 1);
        granted(&mut namespace, &other, 1);
        namespace.clock_us += 610 * SECOND_US;
        if is_swept {
            namespace.sweep();
        }
        let passed = granted(&mut namespace, &path, 1_000);
        ensure!(passed == 100, "{passed} pass ten seconds after the end, swept: {is_swept}");
    }
    Ok(())
}

/// An organisation has 1,000 a second, spends them all, and is back at 1 a second.
fn spent_and_slowed_down(programs: &Programs) -> Result<(Namespace, u64)> {
    let own = "override.acme = { rate = \"1000/s\", burst = 1000 }";
    let mut namespace = Namespace::under(programs, &per_org(&format!("rate = \"1/s\"\nburst = 1000\n{own}")));
    let path = path_of(&namespace, "acme", 1);
    let granted_at_us = namespace.clock_us;
    ensure!(granted(&mut namespace, &path, 1_000) == 1_000);
    namespace.change(&per_org("rate = \"1/s\"\nburst = 1000"));
    Ok((namespace, granted_at_us))
}

/// A second change, that of another limit, pays nothing off. It once did, at the rate from before the first: all 1,000
/// passed.
fn changed_again(programs: &Programs) -> Result<()> {
    for is_corrected in [false, true] {
        let (mut namespace, granted_at_us) = spent_and_slowed_down(programs)?;
        namespace.clock_us += 5 * SECOND_US;
        let other = "[[limit]]\nname = \"other\"\nper = []\nwhen = { path = \"/other\" }\nrate = \"1/s\"\n";
        namespace.change(&format!("{}{other}", per_org("rate = \"1/s\"\nburst = 1000")));
        let path = path_of(&namespace, "acme", 1);
        if is_corrected {
            let policy = namespace.policy().clone();
            namespace.settle(&path, &policy, granted_at_us, &[2]);
        }
        namespace.sweep();
        let passed = granted(&mut namespace, &path, 1_000);
        ensure!(passed == 5 - u32::from(is_corrected), "{passed} pass, corrected: {is_corrected}");
    }
    Ok(())
}

/// What was earned before the first change is earned at the rate of then: a bucket that was idle for a while is not
/// held to the new one.
fn earned_before_the_change(programs: &Programs) -> Result<()> {
    let mut namespace = Namespace::under(programs, &per_org("rate = \"100/s\"\nburst = 1000"));
    let path = path_of(&namespace, "acme", 1);
    ensure!(granted(&mut namespace, &path, 1_000) == 1_000);
    namespace.clock_us += 5 * SECOND_US;
    namespace.change(&per_org("rate = \"1/s\"\nburst = 1000"));
    namespace.clock_us += 5 * SECOND_US;
    let path = path_of(&namespace, "acme", 1);
    let passed = granted(&mut namespace, &path, 1_000);
    ensure!(passed == 505, "{passed}");
    Ok(())
}

/// A raise that comes after another change counts from when it came, not from the first one on.
fn raised_after_another_change(programs: &Programs) -> Result<()> {
    let slow = per_org("rate = \"1/s\"\nburst = 1000");
    let mut namespace = Namespace::under(programs, &slow);
    let path = path_of(&namespace, "acme", 1);
    ensure!(granted(&mut namespace, &path, 1_000) == 1_000);
    namespace.change(&format!(
        "{slow}[[limit]]\nname = \"other\"\nper = []\nwhen = {{ path = \"/other\" }}\nrate = \"1/s\"\n"
    ));
    namespace.clock_us += 100 * SECOND_US;
    namespace.change(&per_org("rate = \"1000/s\"\nburst = 1000"));
    let path = path_of(&namespace, "acme", 1);
    let passed = granted(&mut namespace, &path, 1_000);
    ensure!(passed == 100, "{passed}");
    Ok(())
}

/// Calls were granted by a clock that was an hour ahead; then the state was lost, and the time with it. Of those that
/// were on their way together one refusal is news. Each once was, as later than any refusal that could be taken up.
fn refused_ahead_of_its_time(programs: &Programs) -> Result<()> {
    let mut namespace = Namespace::under(programs, &per_org("rate = \"10/s\"\nburst = 10"));
    let path = path_of(&namespace, "acme", 1);
    let granted_at_us = namespace.clock_us + 3_600 * SECOND_US;
    let refused = RefusedCall {
        granted_at_us,
        wait: Duration::from_secs(30),
        blamed: Blamed::Named,
        ..RefusedCall::default()
    };
    let mut news = Vec::new();
    for _ in 0..3 {
        news.push(tell_refused(&mut namespace, &path, &[0], (refused, Duration::from_secs(60))).is_news);
        namespace.clock_us += SECOND_US;
    }
    ensure!(news == [true, false, false], "{news:?}");
    Ok(())
}

const STORIES: [(&str, Story); 8] = [
    ("slowed down and changed again", slowed_down_and_changed_again),
    ("refused ahead of its time", refused_ahead_of_its_time),
    ("slowed down and swept", slowed_down_and_swept),
    ("slowed down and corrected", slowed_down_and_corrected),
    ("restarted in a pause", restarted_in_a_pause),
    ("changed again", changed_again),
    ("earned before the change", earned_before_the_change),
    ("raised after another change", raised_after_another_change),
];

#[test]
fn of_refusals_from_a_time_that_was_lost_one_is_news() -> Result<()> {
    refused_ahead_of_its_time(&Programs::original())
}

#[test]
fn a_pause_in_which_the_policy_slows_down_ends_empty() -> Result<()> {
    slowed_down_and_swept(&Programs::original())?;
    slowed_down_and_corrected(&Programs::original())?;
    slowed_down_and_changed_again(&Programs::original())
}

#[test]
fn a_pause_that_outlasts_a_restart_ends_empty() -> Result<()> {
    restarted_in_a_pause(&Programs::original())
}

#[test]
fn a_second_change_of_the_policy_forgives_nothing() -> Result<()> {
    changed_again(&Programs::original())?;
    earned_before_the_change(&Programs::original())?;
    raised_after_another_change(&Programs::original())
}

/// Changes for the worse.
const MUTANTS: [(&str, &str); 10] = [
    ("head.changes[1] < at then first = at end", "head.changes[1] < at then first = first end"),
    ("if granted_at > now then granted_at = 0 end\n", ""),
    ("(bucket.was_held_back and head.ruled > 0)", "false"),
    ("      if is_older and at <= now then buckets[b].as_of = at end\n", ""),
    ("(leases ~= nil and head.ruled > 0)", "false"),
    ("(bucket.at <= head.since or bucket.refill == 0)", "true"),
    ("between = head.ruled - first", "between = 0"),
    ("if head.changes[c] >= at then", "if false then"),
    ("  return max(min(left * terms.credit, CREDITS_MAX), at_new_rate)", "  return at_new_rate"),
    (
        "  return max(min(left * terms.credit, CREDITS_MAX), at_new_rate)",
        "  return min(left * terms.credit, CREDITS_MAX)",
    ),
];

/// The stories are worth telling: each mutant makes one of them come out differently.
#[test]
fn every_mutant_of_what_is_owed_is_found_out() -> Result<()> {
    mutants::are_found_out(&MUTANTS, &STORIES)
}
