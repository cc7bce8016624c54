//! Granted calls of the organisations that a policy names, each told once in the audit trail by what has charged it.

use anyhow::{Context, Result, ensure};
use tollgate::embedded::Reply as Raw;
use tollgate::engine::{AcquireBatch, BatchId, Calls, Keys, Repeated, Reply, Streams};
use tollgate::{AuditEvent, Call, GrantedCalls, Priority};

use crate::audit::{KEPT_US, SECOND_US, kinds, sweep_later, told_in};
use crate::mutants::{self, Story};
use crate::namespace::Namespace;
use crate::program::Programs;
use crate::throttled::lose_state;
use crate::trace::Trace;
use crate::twin::Twin;

const LIMITS: &str = "record_calls = [\"acme\"]
    limit = [{ name = \"platform\", per = [], rate = \"1000/s\", burst = 100 },
             { name = \"org\", per = [\"org\"], rate = \"1/s\", burst = 10 }]";

/// The same for nobody.
const NOBODY: &str = "limit = [{ name = \"platform\", per = [], rate = \"1000/s\", burst = 100 },
                               { name = \"org\", per = [\"org\"], rate = \"1/s\", burst = 10 }]";

/// Records that are held at most.
const MOST: usize = 50_000;

/// Fills a stream with entries of long ago.
const FILL: &str = "for n = 1, tonumber(ARGV[1]) do \
    redis.call('XADD', KEYS[1], 'MAXLEN', '=', '1000000', string.format('1-%d', n), 'call', 'x') end return 1";

fn users() -> Call {
    Call::get("/users?token=secret").org("acme").client("app")
}

/// What is told, a line each.
fn told(namespace: &mut Namespace) -> Vec<String> {
    let line = |event: AuditEvent| match event {
        AuditEvent::CallGranted(granted) => {
            let GrantedCalls { org, route, cost, calls, untold, replica, .. } = &*granted;
            let name = |text: Option<String>| text.unwrap_or("-".to_owned());
            let passed: Vec<_> = granted
                .buckets
                .iter()
                .map(|bucket| format!("{}:{}={}", bucket.limit, bucket.key, bucket.cost))
                .collect();
            format!(
                "{calls} {org} {} {route} {cost} {} {} [{}]+{untold} {replica}",
                name(granted.client.clone()),
                granted.priority.name(),
                name(granted.request_id.clone()),
                passed.join(" ")
            )
        }
        other => format!("{other:?}"),
    };
    told_in(namespace, Streams::Records).into_iter().map(|entry| line(entry.event)).collect()
}

/// The line of calls of `acme` by `app`.
fn line(calls: u32, route: &str) -> String {
    format!("{calls} acme app {route} 1 normal - [platform:=1 org:acme=1]+0 r0")
}

/// A batch of calls, each so often, none of which waits.
fn batch_of(namespace: &Namespace, calls: &[(Call, u32)]) -> AcquireBatch {
    let mut batch = AcquireBatch::default();
    for (call, count) in calls {
        batch.push(&namespace.path(call), Calls::trying(*count));
    }
    batch
}

/// Calls that go together are told by their routes, each as often as it is granted, those of others not at all; what is
/// refused is not told.
fn by_route(programs: &Programs) -> Result<()> {
    let mut namespace = Namespace::under(programs, LIMITS);
    let other = Call::get("/users").org("globex");
    let calls = [(users(), 4), (other, 2), (Call::post("/jobs").org("acme").client("app"), 3), (users(), 5)];
    let batch = batch_of(&namespace, &calls);
    let argument = namespace.argument(&batch);
    let reply = namespace.granted_by(&batch, argument);
    let granted: Vec<_> = reply.entries.iter().map(|entry| entry.granted).collect();
    ensure!(granted == [4, 2, 3, 3], "{granted:?}");
    let lines = told(&mut namespace);
    let expected = [line(4, "GET /users"), line(3, "POST /jobs"), line(3, "GET /users")];
    ensure!(lines == expected, "{lines:#?}");
    let refused = namespace.acquire(&users(), 1);
    ensure!(refused.entries[0].granted == 0 && told(&mut namespace).len() == 3, "{refused:?}");
    let entries = told_in(&mut namespace, Streams::All);
    ensure!(kinds(&entries) == ["policy", "call", "call", "call"], "{entries:?}");
    ensure!(entries[3].at_us == reply.now_us, "{entries:?}");
    Ok(())
}

/// Calls of several routes that go as one entry are told each by its own: those that are granted, which are the first.
fn in_one_entry(programs: &Programs) -> Result<()> {
    let mut namespace = Namespace::under(programs, LIMITS);
    let jobs = Call::post("/jobs").org("acme").client("app");
    let paths = [users(), users(), jobs.clone(), jobs, users()].map(|call| namespace.path(&call));
    for (calls, expected) in [(5, [2, 2, 1].as_slice()), (5, &[2, 2, 1, 2, 2, 1]), (3, &[2, 2, 1, 2, 2, 1])] {
        let mut batch = AcquireBatch::default();
        batch.push_told(&paths[0], Calls::trying(calls), paths.iter());
        let argument = namespace.argument(&batch);
        namespace.granted_by(&batch, argument);
        let routes = ["GET /users", "POST /jobs", "GET /users"].iter().cycle();
        let expected: Vec<_> =
            expected.iter().zip(routes).map(|(&calls, route)| line(calls, route)).collect();
        let lines = told(&mut namespace);
        ensure!(lines == expected, "{lines:#?}");
    }
    namespace.clock_us += 3_000_000;
    let mut batch = AcquireBatch::default();
    batch.push_told(&paths[0], Calls::trying(5), paths.iter());
    let argument = namespace.argument(&batch);
    ensure!(namespace.granted_by(&batch, argument).entries[0].granted == 3);
    let lines = told(&mut namespace).split_off(6);
    ensure!(lines == [line(2, "GET /users"), line(1, "POST /jobs")], "{lines:#?}");
    Ok(())
}

/// A batch whose answer is lost is sent again: it is told once.
fn once(programs: &Programs) -> Result<()> {
    let mut namespace = Namespace::under(programs, LIMITS);
    let batch = batch_of(&namespace, &[(users(), 4)]);
    let first = namespace.argument(&batch);
    let id = BatchId { answer: "r0:0", number: 1, server: &namespace.server() };
    let again = batch.encode(&id, Repeated::Yes, namespace.policy(), namespace.fence());
    let answers = [first, again.clone(), again].map(|argument| namespace.send(&batch, argument));
    ensure!(answers[1] == answers[0] && answers[2] == answers[0], "{answers:?}");
    let lines = told(&mut namespace);
    ensure!(lines == [line(4, "GET /users")], "{lines:?}");
    Ok(())
}

/// A batch is sent again with fewer calls than before, because callers have gone: the answer is to what was charged,
/// told or not, whichever of the two has arrived.
fn once_with_fewer(programs: &Programs) -> Result<()> {
    for (org, has_arrived) in [("acme", false), ("globex", false), ("acme", true), ("globex", true)] {
        let mut namespace = Namespace::under(programs, LIMITS);
        let mut batch = batch_of(&namespace, &[(Call::get("/users").org(org), 5)]);
        let first = namespace.argument(&batch);
        if has_arrived {
            namespace.send(&batch, first);
        }
        batch.ask_for_fewer(0, 4, Repeated::Yes);
        batch.ask_for_fewer(0, 2, Repeated::Yes);
        let id = BatchId { answer: "r0:0", number: 1, server: &namespace.server() };
        let again = batch.encode(&id, Repeated::Yes, namespace.policy(), namespace.fence());
        let granted = namespace.granted_by(&batch, again).entries[0].granted;
        ensure!(granted == if has_arrived { 5 } else { 2 }, "{granted} of {org}, {has_arrived}");
        let lines = told(&mut namespace);
        let is_told = matches!(lines.as_slice(), [line] if line.starts_with(&format!("{granted} acme")));
        ensure!(if org == "acme" { is_told } else { lines.is_empty() }, "{lines:?}");
    }
    Ok(())
}

/// A call that waits is told when it is granted.
fn in_its_turn(programs: &Programs) -> Result<()> {
    let mut namespace = Namespace::under(programs, LIMITS);
    namespace.acquire(&users(), 10);
    let path = namespace.path(&Call::get("/late").org("acme").client("app").priority(Priority::Batch));
    let waiting = Calls { patience_us: 60 * SECOND_US, ..Calls::trying(1) };
    let asked = namespace.ask_for(&path, waiting.clone());
    let tickets = asked.entries[0].tickets.clone();
    ensure!(tickets.len() == 1 && told(&mut namespace).len() == 1, "{asked:?}");
    namespace.clock_us += SECOND_US;
    let reply = namespace.ask_for(&path, Calls { tickets, ..waiting });
    ensure!(reply.entries[0].granted == 1, "{reply:?}");
    let lines = told(&mut namespace);
    let late = "1 acme app GET /late 1 batch - [platform:=1 org:acme=1]+0 r0";
    ensure!(lines == [line(10, "GET /users"), late.to_owned()], "{lines:?}");
    let entries = told_in(&mut namespace, Streams::Records);
    ensure!(entries[1].at_us == namespace.clock_us, "{entries:?}");
    Ok(())
}

/// A call that is asked for again under its name is charged once, and told once: in one batch, in the next, and at
/// another replica.
fn under_a_name(programs: &Programs) -> Result<()> {
    let mut namespace = Namespace::under(programs, LIMITS);
    let path = namespace.path(&users());
    let named = || Calls::trying(1).named(Some("abc".into()));
    let mut batch = AcquireBatch::default();
    batch.push(&path, named());
    batch.push(&path, named());
    for _ in 0..2 {
        let argument = namespace.argument(&batch);
        let reply = namespace.granted_by(&batch, argument);
        ensure!(reply.entries.iter().all(|entry| entry.granted == 1), "{reply:?}");
    }
    let lines = told(&mut namespace);
    ensure!(lines == [line(1, "GET /users")], "{lines:?}");
    Ok(())
}

/// A batch of another policy is turned away and tells nothing; from the next policy on others are told.
fn by_policy(programs: &Programs) -> Result<()> {
    let mut namespace = Namespace::under(programs, NOBODY);
    let before = batch_of(&namespace, &[(users(), 1)]);
    let argument = namespace.argument(&before);
    namespace.granted_by(&before, argument);
    namespace.change(LIMITS);
    let during = batch_of(&namespace, &[(users(), 1)]);
    let stale = namespace.argument(&during);
    namespace.change(NOBODY);
    let Raw::Bulk(reply) = namespace.send(&during, stale) else { anyhow::bail!("no answer") };
    ensure!(matches!(during.decode(&reply)?, Reply::Stale { .. }));
    ensure!(told(&mut namespace).is_empty());
    namespace.change(LIMITS);
    namespace.acquire(&users(), 2);
    let lines = told(&mut namespace);
    ensure!(lines == [line(2, "GET /users")], "{lines:?}");
    Ok(())
}

/// However long and odd its names are, a record has a bound.
fn bounded(programs: &Programs) -> Result<()> {
    let odd = "\u{e4}\"{}: %".repeat(28);
    let per = ["org", "client", "path", "attributes.a"].map(|name| format!("{name:?}")).join(", ");
    let limits: Vec<_> =
        (0..200).map(|number| format!("{{ name = \"l{number}\", per = [{per}], rate = \"9/s\" }}")).collect();
    let document = format!("record_calls = [{odd:?}]\nlimit = [{}]", limits.join(", "));
    let mut namespace = Namespace::under(programs, &document);
    let path = format!("/{}", "\u{e4}".repeat(900));
    let call = Call::get(path).org(odd.as_str()).client(odd.as_str()).attribute("a", odd.as_str());
    namespace.acquire(&call, 1);
    let stored = namespace.lab.state().records;
    let (_, texts) = stored.entries.first().context("a record")?;
    ensure!(texts[1].len() < 2_500, "{} bytes", texts[1].len());
    let told = told_in(&mut namespace, Streams::Records);
    let AuditEvent::CallGranted(granted) = &told[0].event else { anyhow::bail!("{told:?}") };
    let GrantedCalls { org, route, buckets, untold, .. } = &**granted;
    ensure!(*org == odd && route.len() == 199, "{told:?}");
    ensure!(buckets.len() as u64 + untold == 200, "{} and {untold}", buckets.len());
    Ok(())
}

/// Records push nothing out of the other streams, and are bounded themselves, in number and in time.
fn kept(programs: &Programs) -> Result<()> {
    let mut namespace = Namespace::under(programs, LIMITS);
    namespace.foreign(FILL, Keys::records, &MOST.to_string());
    namespace.acquire(&users(), 1);
    let entries = namespace.lab.state().records.entries;
    ensure!(entries.len() == MOST && entries[0].0 == "1-2", "{} from {}", entries.len(), entries[0].0);
    ensure!(kinds(&told_in(&mut namespace, Streams::Namespace)) == ["policy"]);
    sweep_later(&mut namespace);
    ensure!(told(&mut namespace).len() == 1);
    namespace.clock_us += KEPT_US;
    sweep_later(&mut namespace);
    ensure!(told(&mut namespace).is_empty());
    Ok(())
}

/// Ids rise from one stream to the next, also where the state is lost and the clock steps back.
fn after_a_loss(programs: &Programs) -> Result<()> {
    let mut namespace = Namespace::under(programs, LIMITS);
    namespace.clock_us += SECOND_US;
    namespace.acquire(&users(), 1);
    let seen = told_in(&mut namespace, Streams::All);
    lose_state(&mut namespace);
    namespace.clock_us += 60 * SECOND_US;
    namespace.acquire(&users(), 1);
    let told = told_in(&mut namespace, Streams::All);
    ensure!(kinds(&told) == ["policy", "call", "restored", "epoch", "call"], "{told:?}");
    ensure!(told[4].at_us < seen[1].at_us, "{told:?}");
    ensure!(told.windows(2).all(|pair| pair[0].id < pair[1].id), "{told:?}");
    Ok(())
}

/// A batch without such calls is the same to the byte and takes the one key, whoever else is told of.
#[test]
fn a_batch_of_others_has_nothing_of_it() {
    let argument = |limits| {
        let mut namespace = Namespace::new(limits);
        let batch = batch_of(&namespace, &[(Call::get("/users").org("globex"), 3)]);
        assert_eq!(batch.keys(&Keys::of("history")), [Keys::of("history").state()]);
        let id = BatchId { answer: "r0:0", number: 1, server: "server" };
        let argument = batch.encode(&id, Repeated::No, namespace.policy(), "fence");
        namespace.acquire(&Call::get("/users").org("globex"), 3);
        assert!(namespace.lab.state().records.entries.is_empty());
        argument
    };
    assert_eq!(argument(LIMITS), argument(NOBODY));
}

/// A key that holds something else is named, and nothing is charged.
#[test]
fn a_key_that_holds_no_trail_is_an_error_before_anything_is_charged() {
    for key in [Keys::audit, Keys::calls, Keys::records] {
        let mut namespace = Namespace::new(LIMITS);
        namespace.foreign(
            "redis.call('DEL', KEYS[1]) redis.call('HSET', KEYS[1], 'x', ARGV[1]) return 1",
            key,
            "x",
        );
        let before = namespace.lab.dump();
        let batch = batch_of(&namespace, &[(users(), 1)]);
        let argument = namespace.argument(&batch);
        let reply = namespace.send(&batch, argument);
        assert!(matches!(&reply, Raw::Error(text) if text.starts_with("AUDIT ")), "{reply:?}");
        assert!(namespace.lab.dump() == before, "it has written");
    }
}

/// A history in which calls are told, wait, and the trail is read and trimmed, for other tests.
pub(crate) fn story() -> Trace {
    let mut namespace = Namespace::new(LIMITS);
    let path = namespace.path(&users());
    namespace.acquire(&users(), 4);
    namespace.ask_for(&path, Calls::trying(1).named(Some("abc".into())));
    let waiting = Calls { patience_us: 60 * SECOND_US, ..Calls::trying(9) };
    let tickets = namespace.ask_for(&path, waiting.clone()).entries[0].tickets.clone();
    namespace.clock_us += 5 * SECOND_US;
    namespace.ask_for(&path, Calls { count: 4, tickets, ..waiting });
    let routes = ["/\u{e4}", "/", "/"].map(|route| namespace.path(&Call::put(route).org("acme")));
    let mut batch = batch_of(&namespace, &[(Call::put("/\u{e4}").org("acme"), 1), (users(), 1)]);
    batch.push_told(&routes[0], Calls::trying(3), routes.iter());
    let argument = namespace.argument(&batch);
    namespace.send(&batch, argument);
    told_in(&mut namespace, Streams::All);
    told_in(&mut namespace, Streams::Records);
    sweep_later(&mut namespace);
    namespace.trace
}

/// All of this is the same on every server, to the byte.
#[test]
fn every_server_tells_the_same_of_granted_calls() -> Result<()> {
    Twin::all_agree_on(&story())
}

const STORIES: [(&str, Story); 10] = [
    ("by route", by_route),
    ("in one entry", in_one_entry),
    ("once", once),
    ("once with fewer", once_with_fewer),
    ("in its turn", in_its_turn),
    ("under a name", under_a_name),
    ("by policy", by_policy),
    ("bounded", bounded),
    ("kept", kept),
    ("after a loss", after_a_loss),
];

/// Goal: what the trail tells of granted calls is what was granted. Method: the stories above.
#[test]
fn granted_calls_are_told_once() -> Result<()> {
    for (name, story) in STORIES {
        story(&Programs::original()).context(name)?;
    }
    Ok(())
}

/// Changes for the worse.
const MUTANTS: [(&str, &str); 12] = [
    ("  if repeated then return nil end\n", ""),
    ("#leases == 0 and not repeated, false", "#leases == 0, false"),
    ("args[reports_at] > 0 or KEYS[2] then", "args[reports_at] > 0 then"),
    ("if calls > 0 and not again[n] then records", "if calls > 0 then records"),
    ("if calls > 0 and not again[n] then records", "if not again[n] then records"),
    ("pack(SCHEMA, now, calls) ..", "pack(SCHEMA, now, args[r + 1]) .."),
    ("untold[n] = (untold[n] or granted[n]) - calls", "untold[n] = granted[n]"),
    ("local RECORDS_MOST = 50000 ", "local RECORDS_MOST = 50001 "),
    ("redis.call(\"XTRIM\", trail.records_key,", "redis.call(\"XTRIM\", trail.key,"),
    ("if kind == \"call\" then key, most = trail.records_key", "if false then key, most = trail.records_key"),
    ("local keys = {key, calls_key, records_key}", "local keys = {key, calls_key}"),
    ("again[n] = named.is_made", "again[n] = true"),
];

/// The stories are worth telling: each mutant makes one of them come out differently.
#[test]
fn every_mutant_of_the_records_is_found_out() -> Result<()> {
    mutants::are_found_out(&MUTANTS, &STORIES)
}
