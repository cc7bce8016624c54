//! Who waits where: what `waiters.lua` tells of the queues.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use tollgate::embedded::Reply as Raw;
use tollgate::engine::{
    Calls, EntryReply, Reply, Script, WaitedBucket, WaitersPage, WaitersReply, WaitingFlow,
};
use tollgate::{Call, Priority};

use crate::lab::State;
use crate::mutants::{self, Story};
use crate::namespace::{BEGINNING_US, Namespace};
use crate::program::Programs;
use crate::twin::Twin;

const SECOND_US: u64 = 1_000_000;

/// A token a second for all, two at once; and a limit at which nobody waits. Among those who wait at `exports` is a
/// call in flight.
const LIMITS: &str = r#"limit = [
    { name = "all", per = [], rate = "1/s", burst = 2 },
    { name = "org", per = ["org"], rate = "100/s", burst = 100 },
    { name = "exports", per = ["org"], when = { path = "/exports" }, concurrent = 1, lease = "10s" },
]"#;

fn page(namespace: &mut Namespace, cursor: &str, limit: Option<&str>) -> WaitersReply {
    let question = WaitersPage { cursor, limit };
    match WaitersPage::decode(&namespace.ask(Script::WAITERS, question.encode())) {
        Ok(Reply::Done(page)) => page,
        other => panic!("{other:?}"),
    }
}

fn waits(namespace: &mut Namespace, call: &Call, calls: u32) -> EntryReply {
    let path = namespace.path(call);
    let calls = Calls { permit: None, count: calls, patience_us: 60 * SECOND_US, tickets: Vec::new() };
    let entry = namespace.ask_for(&path, calls).entries.remove(0);
    assert!(entry.granted == 0 && !entry.tickets.is_empty(), "{entry:?}");
    entry
}

fn told_of_a_queue(programs: &Programs) -> Result<Namespace> {
    let mut namespace = Namespace::under(programs, LIMITS);
    let call = |org: &str, priority| Call::get("/").org(org).priority(priority);
    ensure!(page(&mut namespace, "0", None).buckets.is_empty());
    ensure!(namespace.acquire(&call("acme", Priority::Normal), 2).entries[0].granted == 2);
    ensure!(page(&mut namespace, "0", None).buckets.is_empty(), "nobody waits");

    namespace.clock_us += 1_000;
    let since_us = namespace.clock_us;
    let first_us = waits(&mut namespace, &call("acme", Priority::Batch).cost(2), 1).wait_us;
    namespace.clock_us += 1_000;
    let globex = call("globex", Priority::Interactive);
    let tickets = waits(&mut namespace, &globex, 1).tickets;
    namespace.clock_us += 1_000;
    let reply = page(&mut namespace, "0", None);
    ensure!(reply.cursor == "0" && reply.now_us == namespace.clock_us, "{reply:?}");
    let [all] = reply.buckets.as_slice() else { anyhow::bail!("{reply:?}") };
    ensure!(
        (all.name.as_str(), all.since_us, all.tickets, all.tokens) == ("all:", since_us, 2, 3),
        "{all:?}"
    );
    ensure!(
        (all.refill, all.credit, all.debt, all.paused_us, all.share)
            == (1, SECOND_US, 2 * SECOND_US - 3_000, 0, 1024)
    );
    let flows: BTreeMap<&str, &WaitingFlow> =
        all.flows.iter().map(|flow| (flow.name.as_str(), flow)).collect();
    let told = |name: &str| flows.get(name).map(|flow| (flow.tokens, flow.upto, flow.asked_us));
    ensure!(told("interactive:globex") == Some((1, 1, since_us + 1_000)), "{flows:?}");
    ensure!(told("batch:acme") == Some((2, 3, since_us)) && flows.len() == 2, "{flows:?}");
    // What is expected is what the acquire was told, less the time since: nobody else was there then.
    ensure!(first_us == 2 * SECOND_US - 1_000, "{first_us}");
    ensure!(
        all.wait_us(2, 2) == Some(first_us - 2_000) && all.wait_us(1, 2) == Some(SECOND_US - 3_000),
        "{all:?}"
    );

    // Of a limit only its own; and of one whose name begins like it nothing.
    ensure!(page(&mut namespace, "0", Some("all")) == reply);
    ensure!(page(&mut namespace, "0", Some("al")).buckets.is_empty());
    // Who has had its turn waits no more, though its last call is still known.
    namespace.clock_us = since_us + SECOND_US;
    let path = namespace.path(&globex);
    let calls = Calls { permit: None, count: 1, patience_us: 60 * SECOND_US, tickets };
    ensure!(namespace.ask_for(&path, calls).entries[0].granted == 1);
    let reply = page(&mut namespace, "0", None);
    let names: Vec<&str> =
        reply.buckets.iter().flat_map(|at| &at.flows).map(|flow| flow.name.as_str()).collect();
    ensure!(names == ["batch:acme"] && reply.buckets[0].tickets == 1, "{reply:?}");
    // A ticket whose owner does not come back counts until a little after the time that he was told.
    namespace.clock_us += 10 * SECOND_US;
    ensure!(page(&mut namespace, "0", None).buckets.is_empty());
    Ok(namespace)
}

fn told_of_calls_in_flight(programs: &Programs) -> Result<Namespace> {
    let mut namespace = Namespace::under(programs, LIMITS);
    let call = Call::get("/exports").org("acme");
    ensure!(namespace.acquire(&call, 1).entries[0].granted == 1);
    waits(&mut namespace, &call, 1);
    let reply = page(&mut namespace, "0", Some("exports"));
    let [exports] = reply.buckets.as_slice() else { anyhow::bail!("{reply:?}") };
    ensure!(exports.name == "exports/concurrent:acme" && exports.wait_us(1, 1).is_none(), "{exports:?}");
    ensure!((exports.tickets, exports.debt, exports.flows.len()) == (1, 1, 1), "{exports:?}");

    // Nobody waits in a queue of another epoch, or of another policy.
    let state = namespace.lab.state();
    namespace.failover();
    namespace.acquire(&Call::get("/").org("globex"), 1);
    ensure!(page(&mut namespace, "0", None).buckets.is_empty(), "an epoch has begun");
    namespace.replace(&state);
    ensure!(page(&mut namespace, "0", None).buckets.len() == 1);
    namespace.clock_us += 1;
    namespace.change(&LIMITS.replace("100/s", "200/s"));
    ensure!(page(&mut namespace, "0", None).buckets.is_empty(), "the policy is another one");
    Ok(namespace)
}

/// More flows than a page has fields: each is told, and the bucket with each page that has one of them.
fn told_page_by_page(programs: &Programs) -> Result<Namespace> {
    let mut namespace = Namespace::under(programs, LIMITS);
    let call = |org: u32| Call::get("/").org(format!("org-{org}"));
    ensure!(namespace.acquire(&call(0), 2).entries[0].granted == 2);
    for org in 0..700 {
        waits(&mut namespace, &call(org), 1);
    }
    let (mut cursor, mut pages, mut seen) = ("0".to_owned(), 0, BTreeMap::new());
    loop {
        let reply = page(&mut namespace, &cursor, None);
        pages += 1;
        for WaitedBucket { name, tickets, flows, .. } in reply.buckets {
            ensure!((name.as_str(), tickets) == ("all:", 700));
            ensure!(flows.len() < 500, "{} flows on a page", flows.len());
            seen.extend(flows.into_iter().map(|flow| (flow.name, flow.upto)));
        }
        cursor = reply.cursor;
        if cursor == "0" {
            break;
        }
        ensure!(pages < 20, "it comes to no end");
    }
    ensure!(pages > 2 && seen.len() == 700, "{} flows on {pages} pages", seen.len());
    ensure!((0..700).all(|org| seen.contains_key(&format!("normal:org-{org}"))));
    let mut upto: Vec<u64> = seen.into_values().collect();
    upto.sort_unstable();
    ensure!(upto == (1..=700).collect::<Vec<_>>(), "{upto:?}");
    Ok(namespace)
}

fn nothing_of(story: fn(&Programs) -> Result<Namespace>) -> impl Fn(&Programs) -> Result<()> {
    move |programs| story(programs).map(drop)
}

#[test]
fn who_waits_is_told_alike_by_every_server() -> Result<()> {
    let original = Programs::original();
    for story in [told_of_a_queue, told_of_calls_in_flight] {
        Twin::all_agree_on(&story(&original)?.trace)?;
    }
    Ok(())
}

#[test]
fn all_who_wait_are_told_page_by_page() -> Result<()> {
    nothing_of(told_page_by_page)(&Programs::original())
}

/// A flow's record is of another version: refused by its name.
#[test]
fn a_flow_of_another_version_is_refused() -> Result<()> {
    let mut namespace = told_of_calls_in_flight(&Programs::original())?;
    let mut state: State = namespace.lab.state();
    let flow = state.state.iter_mut().find(|(field, _)| field.starts_with(b"f:")).expect("a flow");
    flow.1 = b"\x02\x01".to_vec();
    namespace.replace(&state);
    let reply = namespace.run(Script::WAITERS, WaitersPage { cursor: "0", limit: None }.encode());
    ensure!(matches!(&reply, Raw::Error(text) if text.starts_with("SCHEMA ")), "{reply:?}");
    ensure!(namespace.lab.state() == state && namespace.clock_us > BEGINNING_US);
    Ok(())
}

const STORIES: [(&str, Story); 3] = [
    ("a queue", |programs| told_of_a_queue(programs).map(drop)),
    ("calls in flight", |programs| told_of_calls_in_flight(programs).map(drop)),
    ("pages", |programs| told_page_by_page(programs).map(drop)),
];

#[test]
fn every_mutant_of_who_waits_is_found_out() -> Result<()> {
    mutants::are_found_out(
        &[
            (
                "    if queue[s + 2] >= now then\n      bucket.tickets",
                "    if true then\n      bucket.tickets",
            ),
            (" or epoch ~= head.epoch or queue[1] < max(head.ruled, head.epoch)", " or epoch ~= head.epoch"),
            ("if bucket and period == bucket.since and bucket.upto[tag] then", "if bucket then"),
            (
                "bucket.upto[queue[s]], bucket.wants[queue[s]] = bucket.tokens,",
                "bucket.upto[queue[s]], bucket.wants[queue[s]] = 0,",
            ),
            ("    record = record or redis.call(\"HGET\", KEYS[1], field)\n", ""),
        ],
        &STORIES,
    )
}
