//! Changes for the worse of how refusals are taken up: what is told of that in `refused` finds them out.

use anyhow::Result;

use crate::mutants::{self, Story};
use crate::program::Programs;
use crate::refused;

#[expect(clippy::unnecessary_wraps, reason = "a story may go wrong, and this one panics then")]
fn told(programs: &Programs, story: fn()) -> Result<()> {
    programs.rule(story);
    Ok(())
}

const STORIES: [(&str, Story); 12] = [
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

const MUTANTS: [(&str, &str); 15] = [
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
    ("if other ~= field and", "if"),
    ("now - at < AT_ONCE_US", "true"),
    ("local SEVERAL = 3 ", "local SEVERAL = 2 "),
    ("granted_at > pace.refused_at", "true"),
    ("if is_news or bucket.paused then", "if true then"),
    ("  if not bucket.leases then bucket.debt, bucket.lost = max(bucket.debt, terms.capacity), 0 end\n", ""),
    ("buckets[b].kept = counts[limit.counter] < limit.most", "buckets[b].kept = true"),
];

/// The stories are worth telling: each mutant makes one of them come out differently.
#[test]
fn every_mutant_of_a_pace_is_found_out() -> Result<()> {
    mutants::are_found_out(&MUTANTS, &STORIES)
}
