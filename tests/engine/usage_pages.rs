//! The pages of the books: how many rows they have, how long they are kept, and when they are complete.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use tollgate::engine::UsageRead;

use crate::namespace::{BEGINNING_US, Namespace};
use crate::program::Programs;
use crate::usage::{HOUR_US, LIMITS, MINUTE_US, SECOND_US, book, close, granted, path_of, read, row};

/// Where nobody has swept for long a call enters no more than a few pages, and nothing is said to be complete before it
/// is.
pub(crate) fn after_a_standstill(programs: &Programs) -> Result<()> {
    let mut namespace = Namespace::under(programs, LIMITS);
    let path = path_of(&namespace, "acme", 1);
    let first = BEGINNING_US / MINUTE_US;
    for _ in 0..40 {
        ensure!(namespace.acquire_on(&path, 1).entries[0].granted == 1);
        namespace.clock_us += MINUTE_US;
    }
    let mut calls = 0;
    loop {
        calls += 1;
        let pages_before = namespace.lab.usage_count();
        let wait_us = namespace.sweep().wait_us;
        ensure!(wait_us > 0, "it goes on at once");
        ensure!(namespace.lab.usage_count() <= pages_before + 9, "{} pages", namespace.lab.usage_count());
        namespace.clock_us += wait_us;
        let question = UsageRead { hours: false, first, count: 50, limit: Some("org") };
        let reply = read(&mut namespace, question);
        let complete = reply.complete_us / MINUTE_US;
        ensure!(complete <= first || reply.pages.len() == 40, "{complete}: {} pages", reply.pages.len());
        ensure!(reply.pages.iter().all(|page| page.parts.len() == 1), "{reply:?}");
        if complete >= first + 40 {
            break;
        }
        ensure!(calls < 100, "it comes to no end: {reply:?}");
    }
    ensure!(calls > 6, "{calls} calls entered 40 minutes");
    Ok(())
}

/// A page has the busiest hundred keys of a limit, and all others in one row: nothing is lost.
pub(crate) fn bounded(programs: &Programs) -> Result<()> {
    let mut namespace = Namespace::under(programs, LIMITS);
    // The busiest come in the middle, so that they have to take somebody's place.
    let calls = |org: u32| if (150..200).contains(&org) { 2 + org % 7 } else { 1 };
    for org in 0..300 {
        let path = path_of(&namespace, &format!("org-{org}:with:colons"), 1);
        ensure!(namespace.acquire_on(&path, calls(org)).entries[0].granted == calls(org));
    }
    close(&mut namespace);
    let first = BEGINNING_US / MINUTE_US;
    let minutes = book(&mut namespace, false);
    let of_orgs: BTreeMap<_, _> = minutes.iter().filter(|((_, limit, _), _)| limit == "org").collect();
    ensure!(of_orgs.len() == 101, "{}", of_orgs.len());
    for org in 150..200 {
        let counted = row(&minutes, first, "org", &format!("org-{org}:with:colons"));
        ensure!(counted == granted(calls(org).into(), calls(org).into()), "{org}: {counted:?}");
    }
    let all: u64 = of_orgs.values().map(|row| row.granted).sum();
    ensure!(all == (0..300).map(|org| u64::from(calls(org))).sum::<u64>(), "{all}");
    ensure!(row(&minutes, first, "platform", "").granted == all);
    Ok(())
}

/// Minutes are kept for 48 hours and hours for 30 days, and then nothing is left of them.
pub(crate) fn kept(programs: &Programs) -> Result<()> {
    let mut namespace = Namespace::under(programs, LIMITS);
    let path = path_of(&namespace, "acme", 1);
    ensure!(namespace.acquire_on(&path, 1).entries[0].granted == 1);
    close(&mut namespace);
    let there = |namespace: &mut Namespace| {
        let mut answer = |hours, length_us| {
            read(namespace, UsageRead { hours, first: BEGINNING_US / length_us, count: 1, limit: None })
                .pages
                .len()
        };
        (answer(false, MINUTE_US), answer(true, HOUR_US))
    };
    ensure!(there(&mut namespace) == (1, 1));
    for (after_us, expected) in [
        // The hour began 13 minutes before.
        (48 * HOUR_US + 13 * MINUTE_US, (1, 1)),
        (48 * HOUR_US + 14 * MINUTE_US, (0, 1)),
        (720 * HOUR_US, (0, 1)),
        (721 * HOUR_US, (0, 0)),
    ] {
        let now_us = BEGINNING_US / HOUR_US * HOUR_US + after_us;
        // A pass removes a thousand minutes, and there are 43,200 in 30 days.
        for pass in (0..50).rev() {
            namespace.clock_us = namespace.clock_us.max(now_us - pass * (10 * SECOND_US + 1));
            namespace.sweep();
        }
        ensure!(there(&mut namespace) == expected, "after {after_us} us: {:?}", there(&mut namespace));
    }
    let left: Vec<_> = namespace.lab.state().usage.into_iter().map(|(field, _)| field).collect();
    ensure!(left == [b"span".to_vec()], "{left:?}");
    Ok(())
}

/// Up to when all is in the books is told as soon as it is so, and not before.
#[test]
fn what_is_complete_is_in_the_books() {
    let mut namespace = Namespace::new(LIMITS);
    let path = path_of(&namespace, "acme", 1);
    let mut granted_in = BTreeMap::new();
    for _ in 0..60 {
        let now_us = namespace.acquire_on(&path, 1).now_us;
        *granted_in.entry(now_us / MINUTE_US).or_insert(0_u64) += 1;
        namespace.clock_us += 5 * SECOND_US;
        namespace.sweep();
        let question = UsageRead { hours: false, first: BEGINNING_US / MINUTE_US, count: 10, limit: None };
        let reply = read(&mut namespace, question);
        let complete = reply.complete_us / MINUTE_US;
        assert!(reply.complete_us.is_multiple_of(MINUTE_US) && reply.complete_us < namespace.clock_us);
        for (minute, calls) in granted_in.iter().filter(|(minute, _)| **minute < complete) {
            let page = reply.pages.iter().find(|page| page.period == *minute).expect("a page");
            let part = page.parts.iter().find(|part| part.counted_as == "org").expect("a part");
            assert_eq!(part.rows, [("acme".to_owned(), granted(*calls, (*calls).cast_signed()))]);
        }
    }
    let question = UsageRead { hours: false, first: 0, count: 1, limit: None };
    let complete_us = read(&mut namespace, question).complete_us;
    assert!(complete_us + 2 * MINUTE_US > namespace.clock_us, "it is not told at all: {complete_us}");
}

#[test]
fn a_sweep_after_a_standstill_takes_its_time() -> Result<()> {
    after_a_standstill(&Programs::original())
}

#[test]
fn a_page_has_the_busiest_keys_and_all_others_in_one() -> Result<()> {
    bounded(&Programs::original())
}

#[test]
fn pages_are_kept_for_their_time_and_no_longer() -> Result<()> {
    kept(&Programs::original())
}
