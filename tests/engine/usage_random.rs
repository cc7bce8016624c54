//! Random histories of what is counted, judged by a book of the test's own and repeated on every server.

use std::collections::BTreeMap;
use std::rc::Rc;

use anyhow::Result;
use proptest::prelude::*;
use tollgate::Call;
use tollgate::engine::UsageCounts;
use tollgate::policy::Path;
use tollgate_testkit::Sizes;

use crate::namespace::Namespace;
use crate::random::agree_everywhere;
use crate::refused::refuse;
use crate::usage::{Book, MINUTE_US, SECOND_US, book, close};

const HISTORIES: Sizes<u32> = Sizes { ci: 300, long: 20_000 };

const LIMITS: &str = "limit = [\
    { name = \"platform\", per = [], rate = \"100/s\", burst = 300 }, \
    { name = \"org\", per = [\"org\"], rate = \"1/s\", burst = 30 }, \
    { name = \"exports\", per = [\"org\"], when = { path = \"/exports\" }, concurrent = 3, lease = \"10s\" }]";

/// Something that happens. Grants are named by how many there were before them.
#[derive(Clone, Debug)]
enum Event {
    Acquire { org: usize, exports: bool, cost: u32, calls: u32 },
    Settle { grant: usize, cost: u32 },
    Refused { grant: usize },
    Pass(u64),
    Sweep,
    Failover,
    Change,
}

fn event() -> impl Strategy<Value = Event> {
    let near_a_minute = (MINUTE_US - 2..=MINUTE_US + 2).boxed();
    let acquire = (0_usize..3, any::<bool>(), 1_u32..8, 1_u32..6);
    prop_oneof![
        6 => acquire.prop_map(|(org, exports, cost, calls)| Event::Acquire { org, exports, cost, calls }),
        2 => (0_usize..8, 0_u32..12).prop_map(|(grant, cost)| Event::Settle { grant, cost }),
        1 => (0_usize..8).prop_map(|grant| Event::Refused { grant }),
        4 => prop_oneof![1..SECOND_US, SECOND_US..30 * SECOND_US, near_a_minute].prop_map(Event::Pass),
        3 => Just(Event::Sweep),
        1 => Just(Event::Failover),
        1 => Just(Event::Change),
    ]
}

/// A call that was granted and has not been settled yet.
struct Grant {
    path: Path,
    at_us: u64,
}

impl Grant {
    fn is_of_acme(&self) -> bool {
        self.path.buckets()[1].key() == "acme"
    }
}

/// What should be in the books, in minutes.
#[derive(Default)]
struct Judge {
    book: Book,
    grants: Vec<Grant>,
    /// Until when the bucket of an organisation is paused.
    paused: BTreeMap<String, u64>,
}

impl Judge {
    fn row(&mut self, now_us: u64, name: &str) -> &mut UsageCounts {
        let (limit, key) = name.split_once(':').expect("a bucket has a limit and a key");
        self.book.entry((now_us / MINUTE_US, limit.to_owned(), key.to_owned())).or_default()
    }

    fn granted(&mut self, path: &Path, now_us: u64, calls: u32) {
        for (bucket, cost) in path.charges() {
            let row = self.row(now_us, bucket.name());
            row.granted += u64::from(calls);
            row.tokens += i64::from(calls) * i64::from(cost);
        }
        self.grants.extend((0..calls).map(|_| Grant { path: path.clone(), at_us: now_us }));
    }
}

fn live(events: &[Event]) -> Result<Namespace, String> {
    let (mut namespace, mut judge) = (Namespace::new(LIMITS), Judge::default());
    let policy = Rc::new(namespace.policy().clone());
    let mut spacious = true;
    for event in events {
        match *event {
            Event::Acquire { org, exports, cost, calls } => {
                let route = if exports { "/exports" } else { "/users" };
                let call = Call::get(route).org(["acme", "globex", "a:b"][org]).cost(cost);
                let path = namespace.path(&call);
                let reply = namespace.acquire_on(&path, calls);
                judge.granted(&path, reply.now_us, reply.entries[0].granted);
            }
            Event::Settle { grant, cost } if grant < judge.grants.len() => {
                let Grant { path, at_us } = judge.grants.swap_remove(grant);
                // Calls in flight are counted, and cost one.
                let costs: Vec<u32> = path
                    .charges()
                    .map(|(bucket, charged)| if bucket.name().contains('/') { charged } else { cost })
                    .collect();
                namespace.settle(&path, &policy, at_us, &costs);
                let now_us = namespace.clock_us;
                for ((bucket, charged), cost) in path.charges().zip(costs) {
                    judge.row(now_us, bucket.name()).tokens += i64::from(cost) - i64::from(charged);
                }
            }
            // Of one organisation alone: what is counted of several is told in the order in which a server has found
            // them.
            Event::Refused { grant } if judge.grants.get(grant).is_some_and(Grant::is_of_acme) => {
                let (path, at_us) = (judge.grants[grant].path.clone(), judge.grants[grant].at_us);
                let reply = refuse(&mut namespace, &path, &[1], at_us);
                let name = path.buckets()[1].name().to_owned();
                let now_us = reply.now_us;
                let ends = judge.paused.insert(name.clone(), now_us + reply.paused_us).unwrap_or(0);
                let row = judge.row(now_us, &name);
                row.throttled += 1;
                row.paused_us += (now_us + reply.paused_us).cast_signed() - ends.max(now_us).cast_signed();
            }
            Event::Settle { .. } | Event::Refused { .. } => {}
            Event::Pass(time_us) => namespace.clock_us += time_us,
            Event::Sweep => {
                namespace.sweep();
            }
            Event::Failover => namespace.failover(),
            Event::Change => {
                spacious = !spacious;
                let changed =
                    LIMITS.replace("burst = 30 ", if spacious { "burst = 30 " } else { "burst = 20 " });
                namespace.change(&changed);
            }
        }
    }
    close(&mut namespace);
    judge.book.retain(|_, row| !row.is_nothing());
    let found = book(&mut namespace, false);
    let found: Book = found.into_iter().filter(|(_, row)| !row.is_nothing()).collect();
    if found != judge.book {
        return Err(format!("the books say\n{found:#?}\nand not\n{:#?}\n{}", judge.book, namespace.trace));
    }
    Ok(namespace)
}

/// Each grant, each correction and each refusal of the provider stands in the books once, in its minute, whoever swept
/// when; every server agrees.
#[test]
fn what_was_counted_is_what_was_granted() -> Result<()> {
    agree_everywhere(HISTORIES, prop::collection::vec(event(), 1..40), live)
}
