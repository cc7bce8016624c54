//! Buckets that come to hold more while they are paused, or since: a pause ends empty.

use anyhow::{Result, ensure};
use tollgate::policy::Path;

use crate::audit::SECOND_US;
use crate::hold::hold;
use crate::mutants::{self, Story};
use crate::namespace::Namespace;
use crate::outlasting::{changed_in_a_pause, path_of, per_org};
use crate::program::Programs;
use crate::refused::granted;

/// A bucket for ten calls comes to hold a hundred in a pause.
fn enlarged_in_a_pause(programs: &Programs) -> Result<(Namespace, Path)> {
    changed_in_a_pause(programs, 1, ["rate = \"10/s\"\nburst = 10", "rate = \"10/s\"\nburst = 100"])
}

/// What it holds more is not there at the end: it is empty then, whether it is swept or not. Once all of a hundred
/// passed.
fn enlarged_and_swept(programs: &Programs) -> Result<()> {
    for is_swept in [false, true] {
        let (mut namespace, path) = enlarged_in_a_pause(programs)?;
        namespace.clock_us += 27 * SECOND_US;
        if is_swept {
            namespace.sweep();
        }
        let passed = granted(&mut namespace, &path, 100);
        ensure!(passed == 20, "{passed} pass two seconds after the end, swept: {is_swept}");
    }
    Ok(())
}

/// Nor when a call has cost more.
fn enlarged_and_corrected(programs: &Programs) -> Result<()> {
    let (mut namespace, path) = enlarged_in_a_pause(programs)?;
    let (policy, granted_at_us) = (namespace.policy().clone(), namespace.clock_us - 5 * SECOND_US);
    namespace.clock_us += 27 * SECOND_US;
    namespace.settle(&path, &policy, granted_at_us, &[2]);
    let passed = granted(&mut namespace, &path, 100);
    ensure!(passed == 19, "{passed} pass two seconds after the end, one of which has been sent already");
    Ok(())
}

/// Where it holds more only since then, and nobody has asked for it, that has to be earned from the end on as well:
/// when it came to that is not known of its record.
fn enlarged_after_a_pause(programs: &Programs) -> Result<()> {
    let mut namespace = Namespace::under(programs, &per_org("rate = \"10/s\"\nburst = 10"));
    let path = path_of(&namespace, "acme", 1);
    hold(&mut namespace, &path, 30);
    namespace.clock_us += 33 * SECOND_US;
    namespace.change(&per_org("rate = \"5/s\"\nburst = 100"));
    namespace.clock_us += SECOND_US;
    let path = path_of(&namespace, "acme", 1);
    let passed = granted(&mut namespace, &path, 100);
    ensure!(passed == 35, "{passed} pass: thirty of the first three seconds, five of the next");
    Ok(())
}

/// What is known of it since the end counts: a call has cost more, so much was owed at that time. What it holds more
/// then is there at once.
fn enlarged_after_a_correction(programs: &Programs) -> Result<()> {
    let mut namespace = Namespace::under(programs, &per_org("rate = \"10/s\"\nburst = 10"));
    let (path, policy) = (path_of(&namespace, "acme", 1), namespace.policy().clone());
    hold(&mut namespace, &path, 30);
    let granted_at_us = namespace.clock_us;
    namespace.clock_us += 31 * SECOND_US;
    namespace.settle(&path, &policy, granted_at_us, &[2]);
    namespace.change(&per_org("rate = \"10/s\"\nburst = 100"));
    let path = path_of(&namespace, "acme", 1);
    let passed = granted(&mut namespace, &path, 100);
    ensure!(passed == 99, "{passed} pass: nine that were left, and ninety more");
    Ok(())
}

/// A customer of a daily quota comes to a hundred thousand calls at once in a pause. Counted in the old credits, of
/// which a token costs a day's worth, so many can't be told: 47,875 of them once passed at the end of the pause.
fn enlarged_beyond_the_old_credits(programs: &Programs) -> Result<()> {
    for is_swept in [false, true] {
        let allowances = ["quota = \"1000/1d\"\nburst = 10", "rate = \"10/s\"\nburst = 100000"];
        let (mut namespace, path) = changed_in_a_pause(programs, 0, allowances)?;
        namespace.clock_us += 27 * SECOND_US;
        if is_swept {
            namespace.sweep();
        }
        let passed = granted(&mut namespace, &path, 100_000);
        ensure!(passed == 20, "{passed} pass two seconds after the end, swept: {is_swept}");
    }
    Ok(())
}

/// A burst is lowered in a pause and raised again, and meanwhile the pause is prolonged. The bucket ends empty, and
/// owes no more than that: it once owed what the burst was raised by twice, and nothing passed for nine seconds more.
fn lowered_and_enlarged(programs: &Programs) -> Result<()> {
    for is_written in [false, true] {
        let mut namespace = Namespace::under(programs, &per_org("rate = \"10/s\"\nburst = 100"));
        let path = path_of(&namespace, "acme", 1);
        hold(&mut namespace, &path, 30);
        namespace.change(&per_org("rate = \"10/s\"\nburst = 10"));
        if is_written {
            let path = path_of(&namespace, "acme", 1);
            hold(&mut namespace, &path, 31);
        }
        namespace.change(&per_org("rate = \"10/s\"\nburst = 100"));
        let path = path_of(&namespace, "acme", 1);
        namespace.clock_us += (32 + u64::from(is_written)) * SECOND_US;
        let passed = granted(&mut namespace, &path, 100);
        ensure!(passed == 20, "{passed} pass two seconds after the end, written meanwhile: {is_written}");
    }
    Ok(())
}

/// What a bucket held in an earlier pause says nothing of a later one.
fn enlarged_in_a_later_pause(programs: &Programs) -> Result<()> {
    let mut namespace = Namespace::under(programs, &per_org("rate = \"10/s\"\nburst = 100"));
    let path = path_of(&namespace, "acme", 1);
    hold(&mut namespace, &path, 30);
    namespace.change(&per_org("rate = \"10/s\"\nburst = 10"));
    namespace.clock_us += 60 * SECOND_US;
    let path = path_of(&namespace, "acme", 1);
    hold(&mut namespace, &path, 30);
    namespace.change(&per_org("rate = \"10/s\"\nburst = 100"));
    let path = path_of(&namespace, "acme", 1);
    namespace.clock_us += 32 * SECOND_US;
    let passed = granted(&mut namespace, &path, 100);
    ensure!(passed == 20, "{passed} pass two seconds after the end of the later one");
    Ok(())
}

/// What the limit comes to count in a pause begins empty at its end, whatever it holds.
fn counted_since_the_pause(programs: &Programs) -> Result<()> {
    let allowances = ["concurrent = 1000", "concurrent = 1000\nrate = \"10/s\"\nburst = 100"];
    let (mut namespace, path) = changed_in_a_pause(programs, 0, allowances)?;
    namespace.clock_us += 27 * SECOND_US;
    let passed = granted(&mut namespace, &path, 100);
    ensure!(passed == 20, "{passed} pass two seconds after the end");
    Ok(())
}

const STORIES: [(&str, Story); 8] = [
    ("enlarged beyond the old credits", enlarged_beyond_the_old_credits),
    ("lowered and enlarged", lowered_and_enlarged),
    ("enlarged in a later pause", enlarged_in_a_later_pause),
    ("counted since the pause", counted_since_the_pause),
    ("enlarged after a correction", enlarged_after_a_correction),
    ("enlarged and swept", enlarged_and_swept),
    ("enlarged and corrected", enlarged_and_corrected),
    ("enlarged after a pause", enlarged_after_a_pause),
];

#[test]
fn a_pause_in_which_a_bucket_comes_to_hold_more_ends_empty() -> Result<()> {
    enlarged_and_swept(&Programs::original())?;
    enlarged_and_corrected(&Programs::original())?;
    enlarged_after_a_pause(&Programs::original())?;
    enlarged_in_a_later_pause(&Programs::original())?;
    enlarged_after_a_correction(&Programs::original())
}

#[test]
fn a_pause_in_which_the_credits_of_a_bucket_become_smaller_ends_empty() -> Result<()> {
    enlarged_beyond_the_old_credits(&Programs::original())
}

#[test]
fn a_burst_that_is_lowered_and_raised_in_a_pause_is_owed_once() -> Result<()> {
    lowered_and_enlarged(&Programs::original())
}

#[test]
fn what_is_counted_since_a_pause_ends_that_empty() -> Result<()> {
    counted_since_the_pause(&Programs::original())
}

/// Changes for the worse.
const MUTANTS: [(&str, &str); 9] = [
    (" and head.changes[1] < at then first = at end", " then first = at end"),
    ("max(burst_of(bucket.terms), bucket.held or 0)", "burst_of(bucket.terms)"),
    ("if at > now or terms.is_of_record then bucket.held", "if true then bucket.held"),
    ("old.more - floor(lost / credit)", "old.more"),
    ("+ max(0, old.more - floor(lost / credit))", ""),
    ("  if held then\n", "  if false then\n"),
    ("capacity = args[4 * l + 3]", "capacity = 0"),
    ("(bucket.paused or bucket.as_of) and bucket.held", "bucket.paused and bucket.held"),
    ("(bucket.paused or bucket.as_of) and bucket.held", "bucket.held"),
];

/// The stories are worth telling: each mutant makes one of them come out differently.
#[test]
fn every_mutant_of_what_is_held_is_found_out() -> Result<()> {
    mutants::are_found_out(&MUTANTS, &STORIES)
}
