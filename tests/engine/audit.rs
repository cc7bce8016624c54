//! The audit trail, story by story: what is told of refusals, lowered buckets, policies and losses, and what is only
//! counted.

use std::time::Duration;

use anyhow::{Result, ensure};
use tollgate::engine::{
    AuditRead, BackOff, Begin, Blamed, Lower, PolicyWrite, QuotaLeft, RefusedCall, Reply, Reporter, Script,
    Streams, Sweep, WriteMode,
};
use tollgate::policy::Path;
use tollgate::{Attribution, AuditEntry, AuditEvent, AuditOrder};

use crate::hold;
use crate::lab::State;
use crate::mutants::{self, Story};
use crate::namespace::Namespace;
use crate::program::Programs;
use crate::recovery;
use crate::refused::{LIMITS, granted, path_of, refuse};

pub(crate) const SECOND_US: u64 = 1_000_000;
/// Entries that the trail holds at most.
const MOST: usize = 10_000;
/// How long it holds them.
pub(crate) const KEPT_US: u64 = 30 * 86_400 * SECOND_US;

/// What the trail tells of the namespace, all of it, read by the script.
pub(crate) fn trail(namespace: &mut Namespace) -> Vec<AuditEntry> {
    told_in(namespace, Streams::Namespace)
}

/// All that one of the streams of the trail tells, or both.
pub(crate) fn told_in(namespace: &mut Namespace, streams: Streams) -> Vec<AuditEntry> {
    let mut read = AuditRead { first: None, last: None, count: 100, order: AuditOrder::OldestFirst, streams };
    let mut entries = Vec::new();
    loop {
        let Ok(Reply::Done(page)) = AuditRead::decode(&namespace.ask(Script::AUDIT, read.encode())) else {
            panic!("a page of the trail");
        };
        let is_last = page.entries.len() < read.count;
        entries.extend(page.entries);
        if is_last {
            return entries;
        }
        // The first of the next page is the last of this one.
        read.first = entries.pop().map(|entry: AuditEntry| entry.id);
    }
}

/// In one word each.
pub(crate) fn kinds(entries: &[AuditEntry]) -> Vec<&'static str> {
    entries.iter().map(|entry| entry.event.kind().map_or("unreadable", |kind| kind.as_str())).collect()
}

/// Sweeps until nothing is due, a minute and more later.
pub(crate) fn sweep_later(namespace: &mut Namespace) {
    namespace.clock_us += 61 * SECOND_US;
    for _ in 0..20 {
        namespace.clock_us += 11 * SECOND_US;
        namespace.sweep();
    }
}

pub(crate) fn lower(namespace: &mut Namespace, org: &str, granted_at_us: u64, remaining: u64) {
    let path = path_of(namespace, org);
    let reporter = Reporter { replica: "r0".to_owned(), org: org.to_owned(), ..Reporter::default() };
    let mut lower = Lower::granted_in(0, granted_at_us).reported_by(reporter);
    lower.push(&path.buckets()[2], QuotaLeft { owed: 0, remaining, resets_in: None });
    let argument = lower.encode(namespace.policy(), namespace.fence(), &namespace.server());
    assert_eq!(Lower::decode(&namespace.ask(Script::LOWER, argument)), Ok(Reply::Done(1)));
}

/// Two hundred calls that were on their way are refused: one pause, one cut, and 199 that are counted.
fn a_storm(programs: &Programs) -> Result<()> {
    let mut namespace = Namespace::under(programs, LIMITS);
    let path = path_of(&namespace, "acme");
    granted(&mut namespace, &path, 10);
    let granted_at_us = namespace.clock_us;
    for _ in 0..200 {
        namespace.clock_us += 1_000;
        refuse(&mut namespace, &path, &[2], granted_at_us);
    }
    let until_us = namespace.clock_us + 30 * SECOND_US;
    ensure!(kinds(&trail(&mut namespace)) == ["policy", "pause", "cut"], "{:?}", trail(&mut namespace));
    sweep_later(&mut namespace);
    let told = trail(&mut namespace);
    ensure!(kinds(&told) == ["policy", "pause", "cut", "repeated"], "{told:?}");
    let first_us = granted_at_us + 1_000;
    let key = "app/acme".to_owned();
    let cut = AuditEvent::Cut {
        limit: "org".to_owned(),
        key: key.clone(),
        from_percent: 100,
        to_percent: 91,
        window: Duration::from_secs(60),
        org: Some("acme".to_owned()),
        replica: "r0".to_owned(),
    };
    ensure!((told[2].at_us, &told[2].event) == (first_us, &cut), "{told:?}");
    let since_us = first_us + 1_000;
    let limit = "org".to_owned();
    let repeated = AuditEvent::Repeated { limit, key, since_us, refused: 199, lowered: 0, until_us };
    ensure!(told[3].event == repeated, "{told:?}");
    Ok(())
}

/// Refusals of calls that were told without their permits, of a provider that wants no pause: those of a second are
/// one.
fn refusals_without_permits(programs: &Programs) -> Result<()> {
    let mut namespace = Namespace::under(programs, LIMITS);
    let path = path_of(&namespace, "acme");
    for _ in 0..20 {
        namespace.clock_us += SECOND_US / 20;
        let mut refused = BackOff::new(RefusedCall { blamed: Blamed::Named, ..RefusedCall::default() });
        refused.push(&path.buckets()[2], Duration::from_secs(60));
        let argument = refused.encode(namespace.policy(), namespace.fence(), &namespace.server());
        namespace.ask(Script::BACK_OFF, argument);
    }
    sweep_later(&mut namespace);
    let told = trail(&mut namespace);
    ensure!(kinds(&told) == ["policy", "pause", "cut", "repeated"], "{told:?}");
    let is_right = |event: &AuditEvent| matches!(event, AuditEvent::Repeated { refused: 19, .. });
    ensure!(is_right(&told[3].event), "{told:?}");
    Ok(())
}

/// A pause tells which bucket, until when, why that one, and whose call it was.
fn attributions(programs: &Programs) -> Result<()> {
    let mut namespace = Namespace::under(programs, LIMITS);
    let mut expected = Vec::new();
    let wait = Duration::from_secs(7);
    for (org, spent, blamed, is_learned, by) in [
        ("a", 9, Blamed::Narrowest, false, Attribution::Explained),
        ("b/%2F\"\u{1f4a5}", 1, Blamed::Named, false, Attribution::Named),
        ("c", 1, Blamed::Narrowest, false, Attribution::Narrowest),
        ("d", 1, Blamed::Named, true, Attribution::Learned),
        ("e", 1, Blamed::Narrowest, true, Attribution::Learned),
    ] {
        // Long enough apart to have nothing in common.
        namespace.clock_us += 3_600 * SECOND_US;
        let path = path_of(&namespace, org);
        granted(&mut namespace, &path, spent);
        let refused =
            RefusedCall { granted_at_us: namespace.clock_us, wait, blamed, status: 429, is_learned };
        let reporter = Reporter { replica: "r7".to_owned(), org: org.to_owned(), ..Reporter::default() };
        let mut back_off = BackOff::new(refused).reported_by(reporter);
        back_off.push(&path.buckets()[2], Duration::from_secs(1));
        let argument = back_off.encode(namespace.policy(), namespace.fence(), &namespace.server());
        namespace.ask(Script::BACK_OFF, argument);
        expected.push(AuditEvent::Paused {
            limit: "org".to_owned(),
            key: path.buckets()[2].key().to_owned(),
            by,
            until_us: namespace.clock_us + 7 * SECOND_US,
            wait,
            pace_percent: 91,
            status: 429,
            org: Some(org.to_owned()),
            replica: "r7".to_owned(),
        });
    }
    let told = trail(&mut namespace).into_iter().map(|entry| entry.event);
    let told: Vec<_> = told.filter(|event| matches!(event, AuditEvent::Paused { .. })).collect();
    ensure!(told == expected, "{told:#?}, expected {expected:#?}");
    Ok(())
}

/// Where three of different keys are refused at once it is what they share that is told of.
fn shared(programs: &Programs) -> Result<()> {
    let mut namespace = Namespace::under(programs, LIMITS);
    for org in ["a", "b", "c"] {
        let path = path_of(&namespace, org);
        namespace.clock_us += 2 * SECOND_US;
        let now_us = namespace.clock_us;
        refuse(&mut namespace, &path, &[2, 1, 0], now_us);
    }
    let told = trail(&mut namespace);
    let by = told.iter().filter_map(|entry| match &entry.event {
        AuditEvent::Paused { limit, by, .. } => Some((limit.as_str(), *by)),
        _ => None,
    });
    let by: Vec<_> = by.collect();
    let expected =
        [("org", Attribution::Narrowest), ("org", Attribution::Narrowest), ("token", Attribution::Shared)];
    ensure!(by == expected, "{by:?}");
    Ok(())
}

/// A bucket that is lowered with every answer is told of once a minute; the others are counted.
fn lowerings(programs: &Programs) -> Result<()> {
    let mut namespace = Namespace::under(programs, LIMITS);
    let path = path_of(&namespace, "acme");
    granted(&mut namespace, &path, 1);
    for remaining in (0..5).rev() {
        namespace.clock_us += SECOND_US / 10;
        let granted_at_us = namespace.clock_us;
        namespace.clock_us += 1;
        lower(&mut namespace, "acme", granted_at_us, remaining);
    }
    sweep_later(&mut namespace);
    let told = trail(&mut namespace);
    ensure!(kinds(&told) == ["policy", "lowered", "repeated"], "{told:?}");
    let is_right = |event: &AuditEvent| matches!(event, AuditEvent::Lowered { remaining: 4, held: 10, .. });
    ensure!(is_right(&told[1].event), "{told:?}");
    let counted = matches!(told[2].event, AuditEvent::Repeated { refused: 0, lowered: 4, until_us: 0, .. });
    ensure!(counted, "{told:?}");
    Ok(())
}

/// A refusal that is news, and is not noted in the trace.
fn quietly(namespace: &mut Namespace, path: &Path) {
    let granted_at_us = namespace.clock_us;
    let mut refused = BackOff::new(RefusedCall { granted_at_us, ..RefusedCall::default() });
    refused.push(&path.buckets()[2], Duration::from_secs(3_600));
    let argument = refused.encode(namespace.policy(), namespace.fence(), &namespace.server());
    namespace.lab.ask(Script::BACK_OFF, &argument, granted_at_us).expect("a reply");
}

/// What the trail tells is as much as happened, and is held no longer and in no greater number than it should be.
fn bounds(programs: &Programs) -> Result<()> {
    let mut namespace = Namespace::under(programs, LIMITS);
    let path = path_of(&namespace, "acme");
    for _ in 0..MOST + 10 {
        namespace.clock_us += 61 * SECOND_US;
        quietly(&mut namespace, &path);
    }
    let full = namespace.lab.state().audit.entries.len();
    ensure!(full == MOST, "{full} entries");
    let sweep_from = |namespace: &mut Namespace, clock_us: u64| {
        namespace.clock_us = clock_us;
        // Two passes, whatever the first has been in the middle of.
        for _ in 0..2 {
            let mut wait_us = 0;
            while wait_us < SECOND_US {
                let sweeping = namespace.sweeping();
                let reply = namespace.lab.ask(Script::SWEEP, &sweeping, namespace.clock_us).expect("a reply");
                let Ok(Reply::Done(reply)) = Sweep.decode(&reply) else { panic!("{reply:?}") };
                wait_us = reply.wait_us;
                namespace.clock_us += wait_us;
            }
        }
    };
    let half_us = namespace.clock_us - 61 * SECOND_US * MOST as u64 / 2;
    sweep_from(&mut namespace, half_us + KEPT_US);
    let kept = namespace.lab.state().audit.entries.len();
    // A pause each 61 s, and a cut each hour.
    ensure!((MOST / 2..=MOST / 2 + MOST / 100).contains(&kept), "{kept} are kept");
    let now_us = namespace.clock_us;
    sweep_from(&mut namespace, now_us + KEPT_US);
    let left = namespace.lab.state();
    ensure!(left.audit.entries.is_empty() && !left.audit.last_id.is_empty(), "{:?}", left.audit);
    // The next id is above all that were given out, though none of their entries is left.
    quietly(&mut namespace, &path);
    ensure!(namespace.lab.state().audit.last_id > left.audit.last_id);
    Ok(())
}

/// What is told of a namespace that has lost its state, at a clock that stands where it was an hour ago.
fn losses(programs: &Programs) -> Result<()> {
    let mut namespace = Namespace::under(programs, LIMITS);
    let path = path_of(&namespace, "acme");
    namespace.failover();
    granted(&mut namespace, &path, 1);
    let begun = namespace.lab.state().head().expect("a head");
    ensure!(begun.untold == 1, "{begun:?}");
    sweep_later(&mut namespace);
    ensure!(namespace.lab.state().head().expect("a head").untold == 0);

    let audit = namespace.lab.state().audit;
    namespace.clock_us -= 3_600 * SECOND_US;
    namespace.replace(&State { audit, ..State::default() });
    let (policy, fence) = (namespace.policy().to_json(), namespace.fence().to_owned());
    let write = PolicyWrite {
        mode: WriteMode::Restore { epoch: begun.epoch },
        version: 1,
        fence: &fence,
        document: &policy,
        author: "somebody",
        reason: "once",
        seal: "secret",
        replica: "r1",
        learned: None,
    };
    namespace.ask(Script::POLICY, write.encode("another", Begin::Empty));
    let told = trail(&mut namespace);
    ensure!(kinds(&told) == ["policy", "epoch", "restored", "epoch"], "{told:?}");
    ensure!(
        matches!(told[1].event, AuditEvent::EpochBegun { epoch, .. } if epoch == begun.epoch),
        "{told:?}"
    );
    let is_given_back = |event: &AuditEvent| matches!(event, AuditEvent::PolicyRestored { author, replica, .. } if author == "somebody" && replica == "r1");
    ensure!(is_given_back(&told[2].event), "{told:?}");
    // By the clock it was before what was told last; by their ids it comes behind it.
    ensure!(told[2].at_us < told[1].at_us && told[2].id > told[1].id, "{told:?}");
    Ok(())
}

const STORIES: [(&str, Story); 16] = [
    ("a storm", a_storm),
    ("refusals without permits", refusals_without_permits),
    ("attributions", attributions),
    ("lowerings", lowerings),
    ("losses", losses),
    ("shared", shared),
    ("held", |programs| hold::held(programs).map(drop)),
    ("a pause ended for the provider", hold::ended_for_the_provider),
    ("a pause slept through", hold::slept_through),
    ("a pause within a window", hold::within_a_window),
    ("whatever is counted", hold::whatever_is_counted),
    ("told to those who wait", hold::told_to_those_who_wait),
    ("a recovery by use", recovery::by_use),
    ("a recovery by disuse", recovery::by_disuse),
    ("a pace that was not cut", recovery::without_a_cut),
    ("bounds", bounds),
];

#[test]
fn a_storm_of_refusals_is_one_pause_one_cut_and_a_count() -> Result<()> {
    a_storm(&Programs::original())
}

#[test]
fn refusals_of_a_second_that_tell_no_grant_are_one() -> Result<()> {
    refusals_without_permits(&Programs::original())
}

#[test]
fn a_pause_tells_why_it_was_this_bucket_and_whose_call_it_was() -> Result<()> {
    attributions(&Programs::original())
}

#[test]
fn lowerings_are_told_once_a_minute_and_counted() -> Result<()> {
    lowerings(&Programs::original())
}

#[test]
fn the_trail_is_bounded_in_number_and_in_time() -> Result<()> {
    bounds(&Programs::original())
}

#[test]
fn what_is_shared_is_told_as_such() -> Result<()> {
    shared(&Programs::original())
}

#[test]
fn a_loss_is_told_and_ids_rise_whatever_clocks_do() -> Result<()> {
    losses(&Programs::original())
}

/// Changes for the worse: the text that another text replaces in every script that has it.
const MUTANTS: [(&str, &str); 23] = [
    (
        "  untold.refused, untold.paused = untold.refused + 1,",
        "  untold.refused, untold.paused = untold.refused,",
    ),
    ("  if was_cut then\n    tell", "  if true then\n    tell"),
    ("if is_news then\n  tell(trail", "if true then\n  tell(trail"),
    ("  if not is_above(ms, sequence, trail.ms, trail.sequence) then", "  if false then"),
    ("  redis.call(\"XTRIM\"", "  local none = (\"XTRIM\""),
    ("local ENTRIES_MOST = 10000 ", "local ENTRIES_MOST = 10001 "),
    ("  if now - bucket.pace.lowered_at >= REMEMBERED_US then", "  if true then"),
    ("  if now - untold.since < UNTOLD_US then return false end", "  if true then return false end"),
    ("granted_at = now - ON_ITS_WAY_US end", "granted_at = now end"),
    ("bucket.paused = max(paused or 0, now + pause)", "bucket.paused = now + pause"),
    (
        "  if not bucket.leases then bucket.debt, bucket.lost = max(bucket.debt, bucket.terms.capacity), 0 end\n",
        "",
    ),
    ("head.eased = max(now, (head.eased or 0) + 1)", "head.eased = head.eased"),
    ("head.eased = max(now, (head.eased or 0) + 1)", "head.eased = now"),
    ("if after == before then", "if false then"),
    ("  local bucket = buckets[b]\n  local paused", "  local bucket = buckets[1]\n  local paused"),
    ("  pace.cut_to = 0\n", ""),
    ("if pause == 0 and pace and pace.ends - pace.window > now then", "if pace then"),
    ("if pause == 0 and pace and pace.ends - pace.window > now then", "if false then"),
    ("  if share >= pace.share then return false end\n", ""),
    ("(is_forgotten or pace.share == SHARE_FULL)", "pace.share == SHARE_FULL"),
    ("(is_forgotten or pace.share == SHARE_FULL)", "true"),
    ("and pace.cut_to == 0 and now - last", "and now - last"),
    ("      chosen, by = b, \"shared\"", "      chosen, by = b, \"named\""),
];

/// The stories are worth telling: each mutant makes one of them come out differently.
#[test]
fn every_mutant_of_the_trail_is_found_out() -> Result<()> {
    mutants::are_found_out(&MUTANTS, &STORIES)
}
