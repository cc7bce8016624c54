//! What the audit trail tells of calls: each refusal of the provider once, in a stream of its own that is read as one
//! with the other.

use std::time::Duration;

use anyhow::{Result, ensure};
use tollgate::engine::{
    AuditRead, BackOff, Begin, Keys, PolicyWrite, RefusedCall, Reply, Reporter, Script, Streams, WriteMode,
};
use tollgate::{Attribution, AuditEntry, AuditEvent, AuditId, AuditOrder};

use crate::audit::{KEPT_US, SECOND_US, kinds, sweep_later, told_in, trail};
use crate::hold::hold;
use crate::lab::State;
use crate::mutants::{self, Story};
use crate::namespace::Namespace;
use crate::program::Programs;
use crate::refused::{LIMITS, granted, path_of, refuse};

/// Entries of calls that are held at most.
const MOST: usize = 50_000;

const WAIT: Duration = Duration::from_secs(3);

/// Fills a stream with entries of long ago.
const FILL: &str = "for n = 1, tonumber(ARGV[1]) do \
    redis.call('XADD', KEYS[1], 'MAXLEN', '=', '1000000', string.format('1-%d', n), 'throttled', 'x') end return 1";

/// A call of an organisation is refused at its narrowest bucket, as a replica tells it that knows the route.
fn refuse_route(namespace: &mut Namespace, org: &str, granted_at_us: u64, route: &str) {
    let path = path_of(namespace, org);
    let refused = RefusedCall { granted_at_us, wait: WAIT, status: 429, ..RefusedCall::default() };
    let reporter = Reporter {
        replica: "r7".to_owned(),
        org: org.to_owned(),
        route: route.to_owned(),
        author: "who".to_owned(),
    };
    let mut back_off = BackOff::new(refused).reported_by(reporter);
    back_off.push(&path.buckets()[2], Duration::from_secs(60));
    let argument = back_off.encode(namespace.policy(), namespace.fence(), &namespace.server());
    namespace.ask(Script::BACK_OFF, argument);
}

/// Each refusal is told once, news or not, by whom and of which call; those that are no news are counted besides.
fn each_refusal(programs: &Programs) -> Result<()> {
    let mut namespace = Namespace::under(programs, LIMITS);
    let path = path_of(&namespace, "acme");
    granted(&mut namespace, &path, 10);
    let granted_at_us = namespace.clock_us;
    let long = format!("GET /{}", "\u{e4}".repeat(200));
    for route in ["GET /users", "", &long] {
        namespace.clock_us += 1_000;
        refuse_route(&mut namespace, "acme", granted_at_us, route);
    }
    let told = told_in(&mut namespace, Streams::Calls);
    let expected = |is_news, route: Option<&str>| AuditEvent::Throttled {
        limit: "org".to_owned(),
        key: path.buckets()[2].key().to_owned(),
        by: Attribution::Explained,
        wait: WAIT,
        status: 429,
        is_news,
        org: Some("acme".to_owned()),
        replica: "r7".to_owned(),
        route: route.map(str::to_owned),
        author: Some("who".to_owned()),
    };
    // Cut off where a character ends.
    let cut_off = &long[..199];
    let all = [expected(true, Some("GET /users")), expected(false, None), expected(false, Some(cut_off))];
    let events: Vec<_> = told.iter().map(|entry| entry.event.clone()).collect();
    ensure!(events == all && told[2].at_us == namespace.clock_us, "{told:#?}");
    sweep_later(&mut namespace);
    let others = trail(&mut namespace);
    ensure!(kinds(&others) == ["policy", "pause", "cut", "repeated"], "{others:?}");
    ensure!(matches!(others[3].event, AuditEvent::Repeated { refused: 2, .. }), "{others:?}");
    Ok(())
}

/// A page of both streams.
fn page(namespace: &mut Namespace, read: AuditRead) -> Vec<AuditEntry> {
    let reply = AuditRead::decode(&namespace.ask(Script::AUDIT, read.encode()));
    let Ok(Reply::Done(page)) = reply else { panic!("{reply:?}") };
    page.entries
}

/// Both streams are read in one order and by one cursor: each entry is on one page, whatever the pages are.
fn one_order(programs: &Programs) -> Result<()> {
    let mut namespace = Namespace::under(programs, LIMITS);
    let path = path_of(&namespace, "acme");
    for number in 0..12 {
        // Some within a microsecond.
        namespace.clock_us += number % 3;
        let now_us = namespace.clock_us;
        refuse(&mut namespace, &path, &[2], now_us);
    }
    sweep_later(&mut namespace);
    let both = told_in(&mut namespace, Streams::All);
    let mut parts = told_in(&mut namespace, Streams::Calls);
    ensure!(parts.len() == 12, "{parts:?}");
    parts.extend(trail(&mut namespace));
    parts.sort_by_key(|entry| entry.id);
    ensure!(both == parts, "{both:#?}, and not {parts:#?}");
    ensure!(both.windows(2).all(|pair| pair[0].id < pair[1].id), "{both:?}");
    let is_of_calls = |entry: &AuditEntry| matches!(entry.event, AuditEvent::Throttled { .. });
    ensure!(both.windows(2).filter(|pair| is_of_calls(&pair[0]) != is_of_calls(&pair[1])).count() > 2);
    for order in [AuditOrder::OldestFirst, AuditOrder::NewestFirst] {
        for count in 1..=8 {
            let (mut paged, mut cursor): (Vec<AuditEntry>, Option<AuditId>) = (Vec::new(), None);
            loop {
                let (mut first, mut last) = (None, None);
                if order == AuditOrder::OldestFirst {
                    first = cursor;
                } else {
                    last = cursor;
                }
                let entries = page(
                    &mut namespace,
                    AuditRead { first, last, count: count + 1, order, streams: Streams::All },
                );
                // The first of the next page is the last of this one.
                let new = usize::from(cursor.is_some());
                let is_last = entries.len() < count + 1;
                cursor = entries.last().map(|entry| entry.id);
                paged.extend(entries.into_iter().skip(new));
                if is_last {
                    break;
                }
            }
            if order == AuditOrder::NewestFirst {
                paged.reverse();
            }
            ensure!(paged == both, "pages of {count}, {order:?}: {paged:#?}");
        }
    }
    Ok(())
}

/// However much is told of calls, it takes nothing from what is told of the namespace, and is bounded itself, in number
/// and in time.
fn bounds(programs: &Programs) -> Result<()> {
    let mut namespace = Namespace::under(programs, LIMITS);
    namespace.foreign(FILL, Keys::calls, &MOST.to_string());
    let now_us = namespace.clock_us;
    refuse_route(&mut namespace, "acme", now_us, "");
    let state = namespace.lab.state();
    let (oldest, newest) = (&state.calls.entries[0], &state.calls.entries[MOST - 1]);
    ensure!(state.calls.entries.len() == MOST, "{} entries", state.calls.entries.len());
    ensure!(oldest.0 == "1-2" && newest.0 != format!("1-{MOST}"), "{oldest:?}, {newest:?}");
    let told = trail(&mut namespace);
    ensure!(kinds(&told) == ["policy", "pause", "cut"], "{told:?}");
    sweep_later(&mut namespace);
    let told = told_in(&mut namespace, Streams::Calls);
    ensure!(kinds(&told) == ["throttled"], "{told:?}");
    namespace.clock_us += KEPT_US;
    sweep_later(&mut namespace);
    let told = told_in(&mut namespace, Streams::All);
    ensure!(kinds(&told).iter().all(|kind| *kind == "recovered"), "{told:?}");
    Ok(())
}

/// Who reads on is told of entries that the sweep has removed for their age in the second that goes on. The time was
/// once taken to be the beginning of it.
fn removed_in_this_second(programs: &Programs) -> Result<()> {
    let mut namespace = Namespace::under(programs, LIMITS);
    let path = path_of(&namespace, "acme");
    for (later_us, seconds) in [(SECOND_US / 10, 60), (SECOND_US / 10, 0), (KEPT_US / 2, 60)] {
        namespace.clock_us += later_us;
        hold(&mut namespace, &path, seconds);
    }
    let told = trail(&mut namespace);
    ensure!(kinds(&told) == ["policy", "hold", "resume", "hold"], "{told:?}");
    namespace.clock_us = told[1].at_us + KEPT_US + SECOND_US / 2;
    namespace.sweep();
    ensure!(trail(&mut namespace)[..] == told[3..], "others are left");
    let first = Some(told[1].id);
    let read = AuditRead {
        first,
        last: None,
        count: 1,
        order: AuditOrder::OldestFirst,
        streams: Streams::Namespace,
    };
    let reply = AuditRead::decode(&namespace.ask(Script::AUDIT, read.encode()));
    let Ok(Reply::Done(page)) = reply else { panic!("{reply:?}") };
    ensure!(page.gap == Some(told[3].id), "{page:?}");
    Ok(())
}

/// All is lost but the trail, the clock steps back by an hour, and a replica gives the policy back.
pub(crate) fn lose_state(namespace: &mut Namespace) {
    let State { audit, calls, records, .. } = namespace.lab.state();
    namespace.clock_us -= 3_600 * SECOND_US;
    namespace.replace(&State { audit, calls, records, ..State::default() });
    let (policy, fence) = (namespace.policy().to_json(), namespace.fence().to_owned());
    let write = PolicyWrite {
        mode: WriteMode::Restore { epoch: 0 },
        version: 1,
        fence: &fence,
        document: &policy,
        author: "somebody",
        reason: "once",
        seal: "secret",
        replica: "r1",
        learned: None,
    };
    namespace.ask(Script::POLICY, write.encode("server", Begin::Empty));
}

/// Ids rise from one stream to the other, also where the state is lost and the clock steps back: who follows misses
/// nothing.
fn after_a_loss(programs: &Programs) -> Result<()> {
    let mut namespace = Namespace::under(programs, LIMITS);
    let granted_at_us = namespace.clock_us;
    // The last one is told of calls alone.
    for _ in 0..2 {
        namespace.clock_us += SECOND_US;
        refuse_route(&mut namespace, "acme", granted_at_us, "");
    }
    let seen = told_in(&mut namespace, Streams::All);
    ensure!(kinds(&seen) == ["policy", "throttled", "pause", "cut", "throttled"], "{seen:?}");
    lose_state(&mut namespace);
    let now_us = namespace.clock_us;
    refuse_route(&mut namespace, "globex", now_us, "");
    let told = told_in(&mut namespace, Streams::All).split_off(seen.len());
    ensure!(kinds(&told) == ["restored", "epoch", "throttled", "pause", "cut"], "{told:?}");
    ensure!(told.iter().all(|entry| entry.id > seen[4].id && entry.at_us < seen[4].at_us), "{told:?}");
    Ok(())
}

const STORIES: [(&str, Story); 5] = [
    ("removed in this second", removed_in_this_second),
    ("each refusal", each_refusal),
    ("one order", one_order),
    ("bounds", bounds),
    ("after a loss", after_a_loss),
];

#[test]
fn each_refusal_of_the_provider_is_told_once() -> Result<()> {
    each_refusal(&Programs::original())
}

#[test]
fn both_streams_are_read_in_one_order() -> Result<()> {
    one_order(&Programs::original())
}

#[test]
fn what_is_told_of_calls_is_bounded_by_itself() -> Result<()> {
    bounds(&Programs::original())
}

#[test]
fn who_reads_on_is_told_of_what_was_removed_in_this_second() -> Result<()> {
    removed_in_this_second(&Programs::original())
}

#[test]
fn ids_rise_from_one_stream_to_the_other() -> Result<()> {
    after_a_loss(&Programs::original())
}

/// Changes for the worse.
const MUTANTS: [(&str, &str); 9] = [
    (" + floor(tonumber(clock[2]) / 1000)", ""),
    ("status, is_news and 1 or 0, org", "status, 1, org"),
    ("local CALLS_MOST = 50000 ", "local CALLS_MOST = 50001 "),
    ("redis.call(\"XTRIM\", trail.calls_key,", "redis.call(\"XTRIM\", trail.key,"),
    ("  for k = 1, #keys do", "  for k = 1, 1 do"),
    ("other_sequence) == newest", "other_sequence)"),
    ("for _ = 1, count do", "for _ = 1, 2 * count do"),
    ("local OF_CALLS = {episode = true, throttled = true}", "local OF_CALLS = {}"),
    ("  if only > 0 and only ~= number then return {} end\n", ""),
];

/// The stories are worth telling: each mutant makes one of them come out differently.
#[test]
fn every_mutant_of_what_is_told_of_calls_is_found_out() -> Result<()> {
    mutants::are_found_out(&MUTANTS, &STORIES)
}
