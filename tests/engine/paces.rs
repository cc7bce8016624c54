//! Changes for the worse of how refusals are taken up: what is told of that in `refused` finds them out.

use std::time::Duration;

use anyhow::{Result, ensure};
use tollgate::engine::{BackOffReply, RefusedCall};
use tollgate::policy::Path;

use crate::audit::{SECOND_US, lower};
use crate::hold::{self, hold};
use crate::mutants::{self, Story};
use crate::namespace::Namespace;
use crate::program::Programs;
use crate::refused::{self, LIMITS, granted, path_of, tell_refused};

#[expect(clippy::unnecessary_wraps, reason = "a story may go wrong, and this one panics then")]
fn told(programs: &Programs, story: fn()) -> Result<()> {
    programs.rule(story);
    Ok(())
}

/// A call is granted and refused at once: nothing for so many seconds, by a limit that is counted over so many.
fn refuse(namespace: &mut Namespace, path: &Path, wait_s: u64, window_s: u64) -> BackOffReply {
    let granted_at_us = namespace.clock_us;
    let refused = RefusedCall { granted_at_us, wait: Duration::from_secs(wait_s), ..RefusedCall::default() };
    tell_refused(namespace, path, &[2, 1, 0], (refused, Duration::from_secs(window_s)))
}

/// Of a wider limit of which less than half is spent no refusal is explained.
fn less_than_half_is_spent(programs: &Programs) -> Result<()> {
    let mut namespace = Namespace::under(programs, LIMITS);
    let (path, other) = (path_of(&namespace, "acme"), path_of(&namespace, "globex"));
    granted(&mut namespace, &other, 9);
    let reply = refuse(&mut namespace, &path, 30, 60);
    ensure!(reply.bucket == Some(0), "{reply:?}");
    Ok(())
}

/// Of calls that were on their way together one is told a shorter wait: the longer one stays.
fn a_shorter_wait_is_told_later(programs: &Programs) -> Result<()> {
    let mut namespace = Namespace::under(programs, LIMITS);
    let path = path_of(&namespace, "acme");
    refuse(&mut namespace, &path, 30, 60);
    let reply = refuse(&mut namespace, &path, 1, 60);
    ensure!(!reply.is_news && reply.paused_us == 30 * SECOND_US, "{reply:?}");
    Ok(())
}

/// The provider's window is as long as the longest wait that it has told, and no shorter because it tells a shorter one
/// then.
fn a_window_is_the_longest_wait(programs: &Programs) -> Result<()> {
    let mut namespace = Namespace::under(programs, LIMITS);
    let path = path_of(&namespace, "acme");
    ensure!(refuse(&mut namespace, &path, 30, 1).is_cut);
    for _ in 0..2 {
        hold(&mut namespace, &path, 0);
        namespace.clock_us += 5 * SECOND_US;
        let reply = refuse(&mut namespace, &path, 1, 1);
        ensure!(reply.is_news && !reply.is_cut, "{reply:?}");
    }
    namespace.clock_us += 21 * SECOND_US;
    ensure!(refuse(&mut namespace, &path, 1, 1).is_cut);
    Ok(())
}

/// A bucket that was lowered has no window of the provider's yet: the first refusal says which.
fn a_window_begins_with_the_first_refusal(programs: &Programs) -> Result<()> {
    let mut namespace = Namespace::under(programs, LIMITS);
    let path = path_of(&namespace, "acme");
    granted(&mut namespace, &path, 1);
    let granted_at_us = namespace.clock_us;
    lower(&mut namespace, "acme", granted_at_us, 4);
    for _ in 0..2 {
        namespace.clock_us += 5 * SECOND_US;
        let reply = refuse(&mut namespace, &path, 1, 1);
        ensure!(reply.is_cut, "{reply:?}");
    }
    Ok(())
}

/// A minute after it has recovered the next refusal is a first one again: it takes a tenth, whatever was granted before
/// it. What it says of calls that are settled late is known for longer.
fn a_recovered_pace_is_cut_as_the_first_time(programs: &Programs) -> Result<()> {
    let mut namespace = Namespace::under(programs, LIMITS);
    let path = path_of(&namespace, "acme");
    ensure!(refuse(&mut namespace, &path, 1, 1).is_cut);
    for _ in 0..20 {
        namespace.clock_us += SECOND_US;
        granted(&mut namespace, &path, 10);
        namespace.sweep();
    }
    namespace.clock_us += 50 * SECOND_US;
    granted(&mut namespace, &path, 1);
    namespace.clock_us += SECOND_US;
    granted(&mut namespace, &path, 1);
    let reply = refuse(&mut namespace, &path, 1, 1);
    ensure!(reply.is_cut && reply.share == 922, "{reply:?}");
    Ok(())
}

const STORIES: [(&str, Story); 18] = [
    ("a recovered pace is cut as the first time", a_recovered_pace_is_cut_as_the_first_time),
    ("less than half is spent", less_than_half_is_spent),
    ("a shorter wait is told later", a_shorter_wait_is_told_later),
    ("a window is the longest wait", a_window_is_the_longest_wait),
    ("a window begins with the first refusal", a_window_begins_with_the_first_refusal),
    ("within a window", hold::within_a_window),
    ("a refused call pauses its bucket and no other", |programs| {
        told(programs, refused::a_refused_call_pauses_its_bucket_and_no_other)
    }),
    ("a storm of refusals is one cut", |programs| told(programs, refused::a_storm_of_refusals_is_one_cut)),
    ("an old refusal pauses nothing again", |programs| {
        told(programs, refused::an_old_refusal_pauses_nothing_again)
    }),
    ("a second cut goes by what was granted", |programs| {
        told(programs, refused::a_second_cut_goes_by_what_was_granted)
    }),
    ("a pace is raised only while it is used", |programs| {
        told(programs, refused::a_pace_is_raised_only_while_it_is_used)
    }),
    ("a pace never comes to nothing", |programs| told(programs, refused::a_pace_never_comes_to_nothing)),
    ("an unnamed refusal is put down to the narrowest that explains it", |programs| {
        told(programs, refused::an_unnamed_refusal_is_put_down_to_the_narrowest_that_explains_it)
    }),
    ("several at once are put down to what they share", |programs| {
        told(programs, refused::several_at_once_are_put_down_to_what_they_share)
    }),
    ("a pause outlives changes failovers and sweeps", |programs| {
        told(programs, refused::a_pause_outlives_changes_failovers_and_sweeps)
    }),
    ("a pause ends with an empty bucket", |programs| {
        told(programs, refused::a_pause_ends_with_an_empty_bucket)
    }),
    ("refusals make no more buckets than there may be", |programs| {
        told(programs, refused::refusals_make_no_more_buckets_than_there_may_be)
    }),
    ("a limit on calls in flight can be paused", |programs| {
        told(programs, refused::a_limit_on_calls_in_flight_can_be_paused)
    }),
];

const MUTANTS: [(&str, &str); 22] = [
    ("    pace.cut_at = 0\n", ""),
    ("local SHARE_FULL, SHARE_LEAST = 1024, 16", "local SHARE_FULL, SHARE_LEAST = 1024, 1"),
    ("KEEP_MOST, KEEP_LEAST = 922, 512", "KEEP_MOST, KEEP_LEAST = 922, 1"),
    ("KEEP_MOST, KEEP_LEAST = 922, 512", "KEEP_MOST, KEEP_LEAST = 1000, 512"),
    ("(pace.cut_at > 0 and now - pace.cut_at < pace.window)", "false"),
    ("terms_at(terms, pace.share)) >= USED_UP", "terms_at(terms, pace.share)) >= 0"),
    (
        "    pace.share = min(SHARE_FULL, pace.share + ceil(pace.share * RAISES[pace.raises] / 100))\n",
        "    pace.share = pace.share + ceil(pace.share * RAISES[pace.raises] / 100)\n",
    ),
    ("pace.raises = min(pace.raises + 1, #RAISES)", "pace.raises = 1"),
    ("  pace.ends, pace.used, pace.before = at + pace.window, 0, 0\n", ""),
    (" + floor(pace.before * max(0, pace.ends - now) / pace.window)", ""),
    ("if other ~= field and", "if"),
    ("now - at < AT_ONCE_US", "true"),
    ("local SEVERAL = 3 ", "local SEVERAL = 2 "),
    ("2 * buckets[b].debt >= buckets[b].terms.capacity", "buckets[b].debt > 0"),
    ("granted_at > pace.refused_at", "true"),
    ("if is_news or bucket.paused then", "if true then"),
    ("bucket.paused = max(bucket.paused or 0, now + wait)", "bucket.paused = now + wait"),
    ("pace.window = is_first and own or max(pace.window, own)", "pace.window = own"),
    ("pace.window = is_first and own or max(pace.window, own)", "pace.window = max(pace.window, own)"),
    ("max(args[first_window + chosen], wait)", "args[first_window + chosen]"),
    ("  if not bucket.leases then bucket.debt, bucket.lost = max(bucket.debt, terms.capacity), 0 end\n", ""),
    ("buckets[b].kept = counts[limit.counter] < limit.most", "buckets[b].kept = true"),
];

#[test]
fn of_refusals_the_longest_wait_counts() -> Result<()> {
    less_than_half_is_spent(&Programs::original())?;
    a_shorter_wait_is_told_later(&Programs::original())?;
    a_window_is_the_longest_wait(&Programs::original())?;
    a_window_begins_with_the_first_refusal(&Programs::original())
}

#[test]
fn a_pace_that_has_recovered_is_cut_as_the_first_time() -> Result<()> {
    a_recovered_pace_is_cut_as_the_first_time(&Programs::original())
}

/// The stories are worth telling: each mutant makes one of them come out differently.
#[test]
fn every_mutant_of_a_pace_is_found_out() -> Result<()> {
    mutants::are_found_out(&MUTANTS, &STORIES)
}
