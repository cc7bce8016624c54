//! Random histories of calls in flight, judged by a list of leases, and repeated on every server.

use std::collections::BTreeMap;

use anyhow::Result;
use proptest::prelude::*;
use tollgate::engine::CallState;
use tollgate_testkit::Sizes;

use crate::in_flight::{LEASE_US, leases, path, tell};
use crate::namespace::Namespace;
use crate::random::agree_everywhere;

const HISTORIES: Sizes<u32> = Sizes { ci: 500, long: 20_000 };

/// Something that happens. Calls are named by how many were granted before them.
#[derive(Clone, Debug)]
enum Event {
    Acquire(u32),
    Over(usize),
    Renew(Vec<usize>),
    Pass(u64),
    /// Another server process answers, with what was stored or with nothing of it.
    Failover {
        keeps: bool,
    },
    Concurrent(u64),
    Sweep,
}

fn event() -> impl Strategy<Value = Event> {
    let near_a_lease = (LEASE_US - 2..=LEASE_US + 2).boxed();
    prop_oneof![
        6 => (1_u32..5).prop_map(Event::Acquire),
        4 => (0_usize..20).prop_map(Event::Over),
        3 => prop::collection::vec(0_usize..20, 1..4).prop_map(Event::Renew),
        4 => prop_oneof![Just(0), 1_u64..3, 1..LEASE_US, near_a_lease].prop_map(Event::Pass),
        1 => any::<bool>().prop_map(|keeps| Event::Failover { keeps }),
        1 => (1_u64..6).prop_map(Event::Concurrent),
        1 => Just(Event::Sweep),
    ]
}

fn limits(concurrent: u64) -> String {
    format!("limit = [{{ name = \"exports\", per = [\"org\"], concurrent = {concurrent}, lease = \"10s\" }}]")
}

/// What should be so: who is in flight until when.
struct Judge {
    most: u64,
    ends: BTreeMap<u64, u64>,
    /// Until then all that may be in flight may be those of before.
    unknown_until: u64,
}

impl Judge {
    fn in_flight(&self, now: u64) -> u64 {
        let known = self.ends.values().filter(|ends| **ends > now).count() as u64;
        if now < self.unknown_until { known.max(self.most) } else { known }
    }
}

/// Lives through a history, and complains at the first answer that should have been another.
fn live(events: &[Event]) -> Result<Namespace, String> {
    let mut namespace = Namespace::new(&limits(3));
    let mut judge = Judge { most: 3, ends: BTreeMap::new(), unknown_until: 0 };
    let mut granted: Vec<u64> = Vec::new();
    for event in events {
        let now = namespace.clock_us;
        match event {
            Event::Acquire(calls) => {
                let path = path(&namespace);
                let reply = namespace.acquire_on(&path, *calls);
                let free = judge.most.saturating_sub(judge.in_flight(now));
                let expected = free.min(u64::from(*calls));
                if u64::from(reply.entries[0].granted) != expected {
                    return Err(format!("{event:?}: {expected} should be granted, not {reply:?}"));
                }
                for id in leases(&reply) {
                    if granted.contains(&id) {
                        return Err(format!("the lease {id} was given out twice"));
                    }
                    granted.push(id);
                    judge.ends.insert(id, now + LEASE_US);
                }
            }
            Event::Over(call) => {
                let Some(&id) = granted.get(*call) else { continue };
                tell(&mut namespace, None, CallState::Over, &[id]);
                judge.ends.remove(&id);
            }
            Event::Renew(calls) => {
                let ids: Vec<u64> = calls.iter().filter_map(|call| granted.get(*call).copied()).collect();
                tell(&mut namespace, None, CallState::InFlight, &ids);
                judge.ends.extend(ids.into_iter().map(|id| (id, now + LEASE_US)));
            }
            Event::Pass(us) => namespace.clock_us += us,
            Event::Failover { keeps } => {
                if !keeps {
                    let mut state = namespace.lab.state();
                    state.state.retain(|(field, _)| field == b"head");
                    namespace.replace(&state);
                }
                namespace.failover();
                judge.ends.clear();
                // The first script that runs there sees it.
                namespace.acquire_on(&path(&namespace), 0);
                judge.unknown_until = now + LEASE_US;
            }
            Event::Concurrent(most) => {
                namespace.change(&limits(*most));
                judge.most = *most;
            }
            Event::Sweep => drop(namespace.sweep()),
        }
    }
    Ok(namespace)
}

/// No more calls are in flight than may be, nobody is refused a lease that is free, and every server agrees to the
/// byte.
#[test]
fn calls_in_flight_are_counted_alike_everywhere() -> Result<()> {
    agree_everywhere(HISTORIES, prop::collection::vec(event(), 1..30), live)
}
