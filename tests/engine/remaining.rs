//! What the provider says is left of a quota: it lowers a bucket, and raises none.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tollgate::engine::{HoldReply, Lower, QuotaLeft, Reply, Script};
use tollgate::policy::Path;

use crate::audit::sweep_later;
use crate::head::{Value, values};
use crate::hold::hold;
use crate::mutants::{self, Story};
use crate::namespace::Namespace;
use crate::program::Programs;
use crate::refused::{LIMITS, granted, path_of, refuse, use_up};

const SECOND_US: u64 = 1_000_000;
const HOUR_US: u64 = 3_600 * SECOND_US;

/// Tells what the provider says is left, in the answer to a call that was granted at a time.
fn lower(namespace: &mut Namespace, path: &Path, granted_at_us: u64, left: QuotaLeft) -> u64 {
    lower_by(namespace, path, granted_at_us, &[left])
}

/// The same of several quotas that are counted in one bucket.
fn lower_by(namespace: &mut Namespace, path: &Path, granted_at_us: u64, quotas: &[QuotaLeft]) -> u64 {
    let mut lower = Lower::granted_in(0, granted_at_us);
    for &left in quotas {
        lower.push(&path.buckets()[2], left);
    }
    let argument = lower.encode(namespace.policy(), namespace.fence(), &namespace.server());
    match Lower::decode(&namespace.ask(Script::LOWER, argument)).expect("a reply") {
        Reply::Done(lowered) => lowered,
        other => panic!("{other:?}"),
    }
}

/// A provider that says that less is left than the bucket holds is believed, one that says that more is left is not.
/// Calls that were granted meanwhile have not been counted there yet.
#[test]
fn what_remains_only_lowers_less_what_is_on_its_way() {
    let mut namespace = Namespace::new(LIMITS);
    let path = path_of(&namespace, "acme");
    let owed = namespace.acquire_on(&path, 1).debts[2];
    let granted_at_us = namespace.clock_us;
    assert_eq!(granted(&mut namespace, &path, 2), 2);
    let left = |remaining| QuotaLeft { owed, remaining, resets_in: None };
    assert_eq!(lower(&mut namespace, &path, granted_at_us, left(100)), 0);
    assert_eq!(lower(&mut namespace, &path, granted_at_us, left(5)), 1);
    assert_eq!(lower(&mut namespace, &path, granted_at_us, left(5)), 0, "told again");
    assert_eq!(granted(&mut namespace, &path, 9), 3, "of five two were on their way");
    assert_eq!(lower(&mut namespace, &path, granted_at_us, left(9)), 0, "an older answer");
    assert_eq!(granted(&mut namespace, &path, 9), 0);
}

/// Until the provider grants the whole quota again no more passes than it says is left.
#[test]
fn what_remains_has_to_do_until_the_reset() {
    let mut namespace = Namespace::new(LIMITS);
    let path = path_of(&namespace, "acme");
    let owed = namespace.acquire_on(&path, 1).debts[2];
    let granted_at_us = namespace.clock_us;
    let left = QuotaLeft { owed, remaining: 7, resets_in: Some(Duration::from_secs(20)) };
    assert_eq!(lower(&mut namespace, &path, granted_at_us, left), 1);
    assert_eq!(use_up(&mut namespace, &path, 20 * SECOND_US), 7, "instead of 200");
    assert_eq!(use_up(&mut namespace, &path, SECOND_US), 10);
}

/// Of several quotas that one bucket stands for the one counts by which it owes most, in whatever order they are told.
/// A reset that is further away than a day is none that counts for more.
fn several_quotas(programs: &Programs) -> Result<()> {
    let days = |days: u64| Some(Duration::from_secs(days * 86_400));
    let soon = (9, Some(Duration::from_secs(1)));
    for (tight, loose) in [
        ((3, None), (9, None)),
        ((0, Some(Duration::from_secs(30))), soon),
        ((100, Some(Duration::from_secs(3_600))), soon),
        ((0, days(1)), (900, days(30))),
    ] {
        let told = |namespace: &mut Namespace, quotas: &[(u64, Option<Duration>)]| {
            let path = path_of(namespace, "acme");
            let (owed, granted_at_us) = (namespace.acquire_on(&path, 1).debts[2], namespace.clock_us);
            let left = |&(remaining, resets_in)| QuotaLeft { owed, remaining, resets_in };
            let quotas: Vec<_> = quotas.iter().map(left).collect();
            let lowered = lower_by(namespace, &path, granted_at_us, &quotas);
            (lowered, namespace.lab.state().get("b:org:app/acme").map(values))
        };
        let expected = told(&mut Namespace::under(programs, LIMITS), &[tight]);
        ensure!(expected.0 == 1, "{tight:?}");
        for both in [[tight, loose], [loose, tight]] {
            let told = told(&mut Namespace::under(programs, LIMITS), &both);
            ensure!(told == expected, "of {both:?} came {told:?}, of the first {expected:?}");
        }
    }
    Ok(())
}

/// A bucket that is full and was swept hears it like any other, if its limit may have one more. It once let ten pass at
/// once, and ten a second then, of a quota of which the provider had said that nothing was left for half a minute.
fn a_swept_bucket(programs: &Programs) -> Result<()> {
    let limits = LIMITS.replace("burst = 10 }", "burst = 10, max_keys = 1 }");
    let mut namespace = Namespace::under(programs, &limits);
    let (path, other) = (path_of(&namespace, "acme"), path_of(&namespace, "globex"));
    let owed = namespace.acquire_on(&path, 1).debts[2];
    let granted_at_us = namespace.clock_us;
    let buckets = |namespace: &Namespace| {
        let state = namespace.lab.state();
        (state.get("b:org:app/acme").is_some(), state.get("n:org").map(<[u8]>::to_vec))
    };
    sweep_later(&mut namespace);
    ensure!(buckets(&namespace) == (false, None), "{:?}", namespace.lab.state());
    let left = QuotaLeft { owed, remaining: 0, resets_in: Some(Duration::from_secs(30)) };
    ensure!(lower(&mut namespace, &path, granted_at_us, left) == 1);
    ensure!(buckets(&namespace) == (true, Some(b"1".to_vec())), "{:?}", namespace.lab.state());
    let wait_us = wait_us(&mut namespace, &path);
    ensure!(wait_us == 30 * SECOND_US + SECOND_US / 10, "{wait_us} us");
    ensure!(lower(&mut namespace, &path, granted_at_us, left) == 0, "told again");
    ensure!(
        lower(&mut namespace, &other, granted_at_us, left) == 0,
        "one bucket more than the limit may have"
    );
    ensure!(namespace.lab.state().get("b:org:app/globex").is_none(), "{:?}", namespace.lab.state());
    namespace.clock_us += 30 * SECOND_US;
    ensure!(use_up(&mut namespace, &path, SECOND_US) == 10);
    Ok(())
}

/// A quota of which nothing is left before its reset in an hour.
fn used_up_for_an_hour(programs: &Programs) -> (Namespace, Path) {
    let mut namespace = Namespace::under(programs, LIMITS);
    let path = path_of(&namespace, "acme");
    let owed = namespace.acquire_on(&path, 1).debts[2];
    let granted_at_us = namespace.clock_us;
    let left = QuotaLeft { owed, remaining: 0, resets_in: Some(Duration::from_secs(3_600)) };
    assert_eq!(lower(&mut namespace, &path, granted_at_us, left), 1);
    (namespace, path)
}

fn wait_us(namespace: &mut Namespace, path: &Path) -> u64 {
    namespace.acquire_on(path, 1).entries[0].wait_us
}

/// A reset is a time, whatever the rate becomes until then. It was once kept as what is earned until then: a rate of a
/// tenth made ten hours of an hour, and the fastest one minutes.
fn the_rate_changes(programs: &Programs) -> Result<()> {
    for (rate, token_us) in [("1/s", SECOND_US), ("1/m", 60 * SECOND_US), ("100/s", SECOND_US / 100)] {
        let (mut namespace, path) = used_up_for_an_hour(programs);
        ensure!(wait_us(&mut namespace, &path) == HOUR_US + SECOND_US / 10);
        namespace.change(&LIMITS.replace("\"10/s\"", &format!("{rate:?}")));
        let path = path_of(&namespace, "acme");
        let wait_us = wait_us(&mut namespace, &path);
        ensure!(wait_us == HOUR_US + token_us, "{wait_us} us at {rate}");
    }
    Ok(())
}

/// It is a pause like others: a cut moves it no more than the rate does, an operator who knows better ends it, and it
/// is counted.
fn a_pause_like_others(programs: &Programs) -> Result<()> {
    let (mut namespace, path) = used_up_for_an_hour(programs);
    let tally = format!("t:{}:org:app/acme", namespace.clock_us / (60 * SECOND_US));
    let state = namespace.lab.state();
    let tally = values(state.get(&tally).context("a tally")?);
    ensure!(tally.last() == Some(&Value::Integer(HOUR_US)), "{tally:?}");
    let now_us = namespace.clock_us;
    ensure!(refuse(&mut namespace, &path, &[2], now_us).is_cut);
    let wait_us = wait_us(&mut namespace, &path);
    ensure!(wait_us - HOUR_US < SECOND_US, "{wait_us}");

    let (mut namespace, path) = used_up_for_an_hour(programs);
    namespace.clock_us += SECOND_US;
    let ended = hold(&mut namespace, &path, 0);
    ensure!(ended == HoldReply { is_kept: true, paused_us: 0, is_changed: true }, "{ended:?}");
    namespace.clock_us += SECOND_US;
    ensure!(granted(&mut namespace, &path, 99) == 10, "what is earned in a second");
    Ok(())
}

/// A quota of a day that is used up four hours into it. It was once counted in credits, of which a bucket has no room
/// for so many: what was to last for 20 hours lasted for eleven.
fn a_reset_far_away(programs: &Programs) -> Result<()> {
    for quota in ["100000/1d\", burst = 10000", "1000000/1d\", burst = 52000"] {
        let limits = LIMITS.replace("rate = \"10/s\", burst = 10", &format!("quota = \"{quota}"));
        let mut namespace = Namespace::under(programs, &limits);
        let path = path_of(&namespace, "acme");
        let owed = namespace.acquire_on(&path, 1).debts[2];
        let granted_at_us = namespace.clock_us;
        let left = QuotaLeft { owed, remaining: 0, resets_in: Some(Duration::from_secs(20 * 3_600)) };
        ensure!(lower(&mut namespace, &path, granted_at_us, left) == 1);
        let terms = path.buckets()[2].terms();
        let wait_us = wait_us(&mut namespace, &path);
        ensure!(wait_us == 20 * HOUR_US + terms.credit().div_ceil(terms.refill()), "{wait_us} us of {quota}");
    }
    Ok(())
}

#[test]
fn a_reset_that_is_far_away_is_as_far_for_every_quota() -> Result<()> {
    a_reset_far_away(&Programs::original())
}

#[test]
fn a_change_of_the_rate_moves_no_reset() -> Result<()> {
    the_rate_changes(&Programs::original())
}

#[test]
fn a_reset_is_a_pause_like_others() -> Result<()> {
    a_pause_like_others(&Programs::original())
}

#[test]
fn of_several_quotas_the_one_counts_that_leaves_least() -> Result<()> {
    several_quotas(&Programs::original())
}

#[test]
fn a_bucket_that_was_swept_is_lowered() -> Result<()> {
    a_swept_bucket(&Programs::original())
}

const STORIES: [(&str, Story); 5] = [
    ("several quotas", several_quotas),
    ("a swept bucket", a_swept_bucket),
    ("the rate changes", the_rate_changes),
    ("a pause like others", a_pause_like_others),
    ("a reset far away", a_reset_far_away),
];

/// Changes for the worse.
const MUTANTS: [(&str, &str); 8] = [
    ("if count >= limit.most then return false end", ""),
    ("count + 1)\n  w = w + 2\n  return true", "count)\n  w = w + 2\n  return true"),
    ("owes > bucket.said.owes", "false"),
    ("owes > bucket.said.owes", "true"),
    ("  if pause <= 0 then return nil end\n", "  if true then return nil end\n"),
    ("  tally[T_PAUSED] = tally[T_PAUSED] + paused_for(bucket, now)\n", ""),
    ("now + pause", "now + floor(pause / 2)"),
    (
        "bucket.said.resets - floor(bucket.said.left / bucket.terms.refill)",
        "ceil((bucket.debt - bucket.terms.capacity) / bucket.terms.refill)",
    ),
];

/// The stories are worth telling: each mutant makes one of them come out differently.
#[test]
fn every_mutant_of_a_reset_is_found_out() -> Result<()> {
    mutants::are_found_out(&MUTANTS, &STORIES)
}
