//! What was granted is counted by the minute and by the hour: each grant once, wherever it was counted first.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use tollgate::Call;
use tollgate::engine::{
    AcquireBatch, BatchId, CallState, Calls, Hold, HoldReply, Reply, Report, Script, SettleBatch, Settlement,
    SettlementReply, UsageCounts, UsageRead, UsageReply,
};
use tollgate::policy::Path;

use crate::hold;
use crate::namespace::{BEGINNING_US, Namespace};
use crate::program::Programs;
use crate::refused::refuse;
use crate::trace::Trace;
use crate::{uncounted, usage_pages};

pub(crate) const SECOND_US: u64 = 1_000_000;
pub(crate) const MINUTE_US: u64 = 60 * SECOND_US;
pub(crate) const HOUR_US: u64 = 60 * MINUTE_US;

/// A wide limit, and one for each organisation that earns a token in a minute.
pub(crate) const LIMITS: &str = "limit = [\
    { name = \"platform\", per = [], rate = \"1000/s\", burst = 1000 }, \
    { name = \"org\", per = [\"org\"], rate = \"1/m\", burst = 200 }]";

/// Of each minute or hour, limit and key what was counted.
pub(crate) type Book = BTreeMap<(u64, String, String), UsageCounts>;

pub(crate) fn path_of(namespace: &Namespace, org: &str, cost: u32) -> Path {
    namespace.path(&Call::get("/").org(org).cost(cost))
}

pub(crate) fn read(namespace: &mut Namespace, question: UsageRead<'_>) -> UsageReply {
    match UsageRead::decode(&namespace.ask(Script::USAGE, question.encode())) {
        Ok(Reply::Done(reply)) => reply,
        other => panic!("the books answered {other:?}"),
    }
}

/// All that is in the books of the last hours, with what has no key of its own under "*".
pub(crate) fn book(namespace: &mut Namespace, hours: bool) -> Book {
    let length_us = if hours { HOUR_US } else { MINUTE_US };
    let first = BEGINNING_US / length_us;
    let count = namespace.clock_us / length_us - first + 1;
    let mut book = Book::new();
    for page in read(namespace, UsageRead { hours, first, count: count.min(1_000), limit: None }).pages {
        for part in page.parts {
            let others = [("*".to_owned(), part.others)].into_iter().filter(|(_, row)| !row.is_nothing());
            for (key, row) in part.rows.into_iter().chain(others) {
                let before = book.insert((page.period, part.counted_as.clone(), key), row);
                assert_eq!(before, None, "two rows");
            }
        }
    }
    book
}

/// Lets the sweep book all that was counted before now. Two passes: what is put aside while one goes on is found by the
/// next.
pub(crate) fn close(namespace: &mut Namespace) {
    namespace.clock_us += MINUTE_US;
    for _ in 0..3 {
        namespace.clock_us += 10 * SECOND_US + 1;
        while namespace.sweep().wait_us < SECOND_US {
            namespace.clock_us += SECOND_US;
        }
    }
}

pub(crate) fn granted(calls: u64, tokens: i64) -> UsageCounts {
    UsageCounts { granted: calls, tokens, ..UsageCounts::default() }
}

pub(crate) fn row(book: &Book, period: u64, limit: &str, key: &str) -> UsageCounts {
    book.get(&(period, limit.to_owned(), key.to_owned())).copied().unwrap_or_default()
}

/// Calls and what they cost, in the minute in which they were granted, whether the bucket was charged again later or
/// not.
pub(crate) fn by_the_minute(programs: &Programs) -> Result<Namespace> {
    let mut namespace = Namespace::under(programs, LIMITS);
    let first = BEGINNING_US / MINUTE_US;
    let (cheap, dear) = (path_of(&namespace, "acme", 1), path_of(&namespace, "acme", 5));
    ensure!(namespace.acquire_on(&cheap, 3).entries[0].granted == 3);
    ensure!(namespace.acquire_on(&dear, 2).entries[0].granted == 2);
    namespace.clock_us += MINUTE_US;
    ensure!(namespace.acquire_on(&dear, 1).entries[0].granted == 1);
    ensure!(book(&mut namespace, false).is_empty(), "nothing is swept yet");
    namespace.clock_us += MINUTE_US;
    // A pause is counted, and puts aside what was granted in the minute before.
    ensure!(pause(&mut namespace, &cheap, 30).is_changed);
    close(&mut namespace);
    let minutes = book(&mut namespace, false);
    for limit in [("org", "acme"), ("platform", "")] {
        ensure!(row(&minutes, first, limit.0, limit.1) == granted(5, 13), "{minutes:?}");
        ensure!(row(&minutes, first + 1, limit.0, limit.1) == granted(1, 5), "{minutes:?}");
    }
    let paused = UsageCounts { paused_us: 30_000_000, ..UsageCounts::default() };
    ensure!(row(&minutes, first + 2, "org", "acme") == paused, "{minutes:?}");
    ensure!(minutes.len() == 5, "{minutes:?}");
    let hours = book(&mut namespace, true);
    let hour = BEGINNING_US / HOUR_US;
    ensure!(row(&hours, hour, "platform", "") == granted(6, 18), "{hours:?}");
    ensure!(
        row(&hours, hour, "org", "acme") == UsageCounts { paused_us: 30_000_000, ..granted(6, 18) },
        "{hours:?}"
    );
    ensure!(hours.len() == 2, "{hours:?}");
    Ok(namespace)
}

fn pause(namespace: &mut Namespace, path: &Path, seconds: u64) -> HoldReply {
    let argument = hold::argument(namespace, path, seconds);
    match Hold::decode(&namespace.ask(Script::PAUSE, argument)) {
        Ok(Reply::Done(reply)) => reply,
        other => panic!("a pause answered {other:?}"),
    }
}

/// Tokens that are given back are counted when that is told, below nothing if need be; also where the bucket has none
/// any more.
pub(crate) fn what_is_given_back(programs: &Programs) -> Result<()> {
    let mut namespace = Namespace::under(programs, LIMITS);
    let first = BEGINNING_US / MINUTE_US;
    let path = path_of(&namespace, "acme", 9);
    let granted_at_us = namespace.acquire_on(&path, 1).now_us;
    let policy = std::rc::Rc::new(namespace.policy().clone());
    namespace.settle(&path, &policy, granted_at_us, &[2, 2]);
    let again_us = namespace.acquire_on(&path, 1).now_us;
    // The wide bucket is full again and swept, the organisation's is not.
    namespace.clock_us += MINUTE_US;
    namespace.sweep();
    ensure!(namespace.lab.state().get("b:platform:").is_none(), "{:?}", namespace.lab.state());
    namespace.settle(&path, &policy, again_us, &[4, 4]);
    namespace.settle(&path, &policy, again_us, &[8, 8]);
    close(&mut namespace);
    let minutes = book(&mut namespace, false);
    for limit in [("org", "acme"), ("platform", "")] {
        ensure!(row(&minutes, first, limit.0, limit.1) == granted(2, 11), "{minutes:?}");
        ensure!(row(&minutes, first + 1, limit.0, limit.1) == granted(0, -6), "{minutes:?}");
    }
    Ok(())
}

/// Refusals of the provider are counted at the bucket that is to blame, news or not.
pub(crate) fn what_the_provider_refuses(programs: &Programs) -> Result<()> {
    let mut namespace = Namespace::under(programs, LIMITS);
    let path = path_of(&namespace, "acme", 1);
    let granted_at_us = namespace.acquire_on(&path, 3).now_us;
    refuse(&mut namespace, &path, &[1], granted_at_us);
    namespace.clock_us += SECOND_US;
    refuse(&mut namespace, &path, &[1], granted_at_us);
    // Its end is a second later, and then sooner by all that is left.
    ensure!(pause(&mut namespace, &path, 0).is_changed);
    close(&mut namespace);
    let minutes = book(&mut namespace, false);
    let told = row(&minutes, BEGINNING_US / MINUTE_US, "org", "acme");
    ensure!(told == UsageCounts { throttled: 2, paused_us: 1_000_000, ..granted(3, 3) }, "{minutes:?}");
    Ok(())
}

/// What a replica has told its callers goes with its next batch, and is counted once, however often that is sent.
pub(crate) fn what_callers_were_told(programs: &Programs) -> Result<Namespace> {
    let mut namespace = Namespace::under(programs, LIMITS);
    let path = path_of(&namespace, "acme", 1);
    let told = |refused, waited_us| Report { refused, waits: 2, waited_us, longest_us: waited_us - 1 };
    let mut batch = AcquireBatch::default();
    batch.report(vec![("org:acme".to_owned(), told(3, 500)), ("platform:".to_owned(), told(0, 40))]);
    // Nothing is asked for, and it is sent twice.
    let argument = namespace.argument(&batch);
    for _ in 0..2 {
        let reply = batch.decode(&namespace.ask(Script::ACQUIRE, argument.clone())).expect("a reply");
        ensure!(matches!(reply, Reply::Done(_)), "{reply:?}");
    }
    namespace.clock_us += MINUTE_US;
    let mut batch = AcquireBatch::default();
    batch.push(&path, Calls::trying(1));
    batch.report(vec![("org:acme".to_owned(), told(1, 300))]);
    let argument = namespace.argument(&batch);
    let reply = batch.decode(&namespace.ask(Script::ACQUIRE, argument)).expect("a reply");
    ensure!(matches!(&reply, Reply::Done(reply) if reply.entries[0].granted == 1), "{reply:?}");
    close(&mut namespace);
    let minutes = book(&mut namespace, false);
    let acme = row(&minutes, BEGINNING_US / MINUTE_US, "org", "acme");
    let expected =
        UsageCounts { refused: 3, waits: 2, waited_us: 500, longest_us: 499, ..UsageCounts::default() };
    ensure!(acme == expected, "{minutes:?}");
    let hours = book(&mut namespace, true);
    let acme = row(&hours, BEGINNING_US / HOUR_US, "org", "acme");
    let expected = UsageCounts { refused: 4, waits: 4, waited_us: 800, longest_us: 499, ..granted(1, 1) };
    ensure!(acme == expected, "{hours:?}");
    let platform = row(&hours, BEGINNING_US / HOUR_US, "platform", "");
    let expected = UsageCounts { waits: 2, waited_us: 40, longest_us: 39, ..granted(1, 1) };
    ensure!(platform == expected, "{hours:?}");
    Ok(namespace)
}

/// A call that was given back is not given back again, and what others have cost beside it is not counted again either.
pub(crate) fn given_back_again(programs: &Programs) -> Result<()> {
    let mut namespace = Namespace::under(programs, LIMITS);
    let path = path_of(&namespace, "acme", 5);
    let calls = Calls::trying(1).named(Some("call".into()));
    let granted_at_us = namespace.ask_for(&path, calls).now_us;
    ensure!(namespace.acquire_on(&path, 2).entries[0].granted == 2);
    let expected = [SettlementReply::Settled, SettlementReply::SettledBefore, SettlementReply::SettledBefore];
    for (number, expected) in (1..).zip(expected) {
        let mut batch = SettleBatch::default();
        let given_back = path.charges().map(|(bucket, cost)| (bucket, i64::from(cost)));
        let permit = Some("call".into());
        batch.push(given_back, Settlement { permit, epoch: 0, granted_at_us, call: CallState::Over });
        let server = namespace.server();
        let argument = batch.encode(&BatchId { answer: "r0:s", number, server: &server }, namespace.policy());
        let reply = batch.decode(&namespace.ask(Script::SETTLE, argument)).expect("a reply");
        ensure!(reply == Reply::Done(vec![expected]), "{reply:?}");
    }
    close(&mut namespace);
    let minutes = book(&mut namespace, false);
    for limit in [("org", "acme"), ("platform", "")] {
        ensure!(row(&minutes, BEGINNING_US / MINUTE_US, limit.0, limit.1) == granted(3, 10), "{minutes:?}");
    }
    Ok(())
}

/// The stories, by name.
type Story = (&'static str, fn(&Programs) -> Result<()>);

const STORIES: [Story; 8] = [
    ("by the minute", |programs| by_the_minute(programs).map(drop)),
    ("given back", what_is_given_back),
    ("refused", what_the_provider_refuses),
    ("told", |programs| what_callers_were_told(programs).map(drop)),
    ("given back again", given_back_again),
    ("after a standstill", usage_pages::after_a_standstill),
    ("bounded", usage_pages::bounded),
    ("kept", usage_pages::kept),
];

/// Stories for whoever looks at what is stored.
pub(crate) fn stories() -> [Trace; 2] {
    [by_the_minute, what_callers_were_told]
        .map(|story| story(&Programs::original()).expect("calls that are counted").trace)
}

/// What counting costs is measured beside the script without it: what is left out there has to stand in this one.
#[test]
fn there_is_a_script_that_counts_nothing_to_measure_beside() {
    assert!(uncounted::source().len() < Script::ACQUIRE.source().len());
}

#[test]
fn calls_are_counted_in_the_minute_in_which_they_were_granted() -> Result<()> {
    by_the_minute(&Programs::original()).map(drop)
}

#[test]
fn tokens_given_back_are_counted_when_that_is_told() -> Result<()> {
    what_is_given_back(&Programs::original())
}

#[test]
fn refusals_and_pauses_are_counted_at_the_bucket_that_is_to_blame() -> Result<()> {
    what_the_provider_refuses(&Programs::original())
}

#[test]
fn what_callers_were_told_is_counted_once() -> Result<()> {
    what_callers_were_told(&Programs::original()).map(drop)
}

#[test]
fn what_is_given_back_again_is_counted_once() -> Result<()> {
    given_back_again(&Programs::original())
}

/// Changes for the worse.
const MUTANTS: [(&str, &str); 15] = [
    ("  elseif calls > 0 or extra then\n    bucket.past", "  elseif false then\n    bucket.past"),
    ("count(bucket, args[calls_at + b], cost)", "count(bucket, cost, cost)"),
    ("    bucket.calls, bucket.extra = 0, false\n", ""),
    ("  count(bucket, 0, -tokens)\n", ""),
    (
        "tallies[t][T_TOKENS] = tallies[t][T_TOKENS] + tallied[t].added",
        "tallies[t][T_TOKENS] = tallied[t].added",
    ),
    ("tally[T_THROTTLED] = tally[T_THROTTLED] + 1", "tally[T_THROTTLED] = 1"),
    ("      if busyness(row) > busyness(part.rows[quiet]) then", "      if false then"),
    ("        add_row(part.other, row)\n", ""),
    ("max(tally[T_LONGEST], longest)", "0"),
    ("any_queue or args[reports_at] > 0 or KEYS[2] then", "any_queue then"),
    ("row[c] = c == LONGEST and max(row[c], more[c]) or row[c] + more[c]", "row[c] = row[c] + more[c]"),
    ("(buckets[b].added or 0) ~= 0 and not buckets[b].corrected", "(buckets[b].added or 0) ~= 0"),
    ("if is_last and books.late == 0 then began, before", "if is_last then began, before"),
    ("local PAGES_MOST = 8 ", "local PAGES_MOST = 800 "),
    ("local MINUTES_KEPT = 2880 ", "local MINUTES_KEPT = 2881 "),
];

/// The stories are worth telling: each mutant makes one of them come out differently.
#[test]
fn every_mutant_of_the_books_is_found_out() -> Result<()> {
    for (text, becomes) in MUTANTS {
        let original = Programs::original();
        ensure!(original.all().iter().any(|program| program.source.contains(text)), "{text:?} is nowhere");
        let programs = Programs::edited(|_, source| source.replace(text, becomes));
        let caught = STORIES.iter().any(|(_, story)| {
            let told = std::panic::catch_unwind(|| story(&programs));
            !matches!(told, Ok(Ok(())))
        });
        ensure!(caught, "SURVIVED: {text:?} -> {becomes:?}");
    }
    Ok(())
}
