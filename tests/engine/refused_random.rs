//! Random histories of calls that the provider refuses, judged by a list of pauses and grants, and repeated on every
//! server.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Result;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::Config;
use tollgate::engine::{Lower, QuotaLeft, Reply, Script};
use tollgate_testkit::{Seed, Sizes};

use crate::namespace::Namespace;
use crate::random::{agree_everywhere, runner};
use crate::refused::{path_of, refuse, standing};
use crate::trace::Trace;

const HISTORIES: Sizes<u32> = Sizes { ci: 300, long: 20_000 };
const ORGS: [&str; 4] = ["a", "b", "c", "d"];
/// The fastest that an organisation's bucket ever goes: tokens a second, which is also its burst.
const RATE_MOST: u64 = 20;

/// Something that happens. Grants are named by how many there were before them.
#[derive(Clone, Debug)]
enum Event {
    Acquire { org: usize, calls: u32 },
    Refuse { grant: usize, named: bool },
    Lower { grant: usize, remaining: u64, resets_s: u64 },
    GiveBack { grant: usize },
    Pass(u64),
    Failover,
    Rate(u64),
    Sweep,
}

/// Calls that were granted together.
struct Grant {
    org: usize,
    at_us: u64,
    calls: u32,
    owed: u64,
    /// Under which policy: another one may have been in force since.
    rate: u64,
}

/// What the provider has said is left of an organisation's quota until a time, for what is granted from `first` on.
struct Left {
    org: usize,
    first: usize,
    tokens: u64,
    until_us: u64,
}

fn event() -> impl Strategy<Value = Event> {
    let grant = 0_usize..12;
    prop_oneof![
        8 => (0..ORGS.len(), 1_u32..12).prop_map(|(org, calls)| Event::Acquire { org, calls }),
        4 => (grant.clone(), any::<bool>()).prop_map(|(grant, named)| Event::Refuse { grant, named }),
        2 => (grant.clone(), 0_u64..30, 0_u64..30)
            .prop_map(|(grant, remaining, resets_s)| Event::Lower { grant, remaining, resets_s }),
        1 => grant.prop_map(|grant| Event::GiveBack { grant }),
        5 => prop_oneof![Just(0), 1_u64..200_000, 1..70_000_000_u64].prop_map(Event::Pass),
        1 => Just(Event::Failover),
        1 => (5..=RATE_MOST).prop_map(Event::Rate),
        1 => Just(Event::Sweep),
    ]
}

/// As in the stories, with another rate for each organisation.
fn limits(rate: u64) -> String {
    crate::refused::LIMITS.replace("\"10/s\", burst = 10", &format!("\"{rate}/s\", burst = {rate}"))
}

/// Whether the bucket was lowered.
fn lower(namespace: &mut Namespace, grant: &Grant, left: QuotaLeft) -> bool {
    let path = path_of(namespace, ORGS[grant.org]);
    let mut lower = Lower::granted_in(0, grant.at_us);
    lower.push(&path.buckets()[2], left);
    let argument = lower.encode(namespace.policy(), namespace.fence(), &namespace.server());
    match Lower::decode(&namespace.ask(Script::LOWER, argument)) {
        Ok(Reply::Done(lowered)) => lowered > 0,
        other => panic!("{other:?}"),
    }
}

/// Complains if more was granted to an organisation in some interval than its bucket may ever let pass.
fn never_over(grants: &[Grant], org: usize) -> Result<(), String> {
    let own: Vec<_> = grants.iter().filter(|grant| grant.org == org).collect();
    for (index, first) in own.iter().enumerate() {
        let mut passed = 0;
        for last in &own[index..] {
            passed += u64::from(last.calls);
            let may = RATE_MOST + (last.at_us - first.at_us) * RATE_MOST / 1_000_000;
            if passed > may {
                return Err(format!("{passed} of {may} passed from {} to {}", first.at_us, last.at_us));
            }
        }
    }
    Ok(())
}

/// Complains if more was granted at `now_us` than the provider has said is left.
fn never_more_than_left(grants: &[Grant], lefts: &[Left], now_us: u64) -> Result<(), String> {
    for Left { org, first, tokens, .. } in lefts.iter().filter(|left| left.until_us >= now_us) {
        let own = grants[*first..].iter().filter(|grant| grant.org == *org);
        let passed = own.map(|grant| u64::from(grant.calls)).sum::<u64>();
        if passed > *tokens {
            let org = ORGS[*org];
            return Err(format!("{passed} of {org} passed at {now_us}, of which {tokens} were left"));
        }
    }
    Ok(())
}

/// Lives through a history, and complains at the first thing that should not be.
fn live(events: &[Event]) -> Result<Namespace, String> {
    let mut rate = 10;
    let mut namespace = Namespace::new(&limits(rate));
    let mut grants: Vec<Grant> = Vec::new();
    let mut paused_until: BTreeMap<String, u64> = BTreeMap::new();
    let mut lefts: Vec<Left> = Vec::new();
    for event in events {
        let now_us = namespace.clock_us;
        match *event {
            Event::Acquire { org, calls } => {
                let path = path_of(&namespace, ORGS[org]);
                let reply = namespace.acquire_on(&path, calls);
                let granted = reply.entries[0].granted;
                let is_paused = |name: &str| paused_until.get(name).is_some_and(|until| *until > now_us);
                if granted > 0 && path.buckets().iter().any(|bucket| is_paused(bucket.name())) {
                    return Err(format!(
                        "{event:?}: {granted} pass in a pause of {paused_until:?} at {now_us}"
                    ));
                }
                if granted > 0 {
                    grants.push(Grant { org, at_us: now_us, calls: granted, owed: reply.debts[2], rate });
                    never_over(&grants, org)?;
                    never_more_than_left(&grants, &lefts, now_us)?;
                }
            }
            Event::Refuse { grant, named } => {
                let Some(grant) = grants.get(grant) else { continue };
                let path = path_of(&namespace, ORGS[grant.org]);
                let places: &[usize] = if named { &[2] } else { &[2, 1, 0] };
                let reply = refuse(&mut namespace, &path, places, grant.at_us);
                if !(16..=1024).contains(&reply.share) {
                    return Err(format!("{event:?}: {reply:?}"));
                }
                let Some(bucket) = reply.bucket else { return Err(format!("nobody is to blame: {reply:?}")) };
                let name = path.buckets()[places[bucket]].name().to_owned();
                let until = paused_until.entry(name).or_default();
                *until = (*until).max(now_us + reply.paused_us);
            }
            Event::Lower { grant: index, remaining, resets_s } => {
                let Some(grant) = grants.get(index).filter(|grant| grant.rate == rate) else { continue };
                let resets_in = Some(Duration::from_secs(resets_s));
                if lower(&mut namespace, grant, QuotaLeft { owed: grant.owed, remaining, resets_in }) {
                    let later = grants[index + 1..].iter().filter(|later| later.org == grant.org);
                    let on_their_way = later.map(|later| u64::from(later.calls)).sum();
                    let tokens = remaining.saturating_sub(on_their_way);
                    let until_us = now_us + resets_s * 1_000_000;
                    lefts.push(Left { org: grant.org, first: grants.len(), tokens, until_us });
                }
            }
            Event::GiveBack { grant } => {
                let Some(grant) = grants.get_mut(grant).filter(|grant| grant.calls > 0) else { continue };
                // One of them was not sent after all.
                grant.calls -= 1;
                let (path, policy) = (path_of(&namespace, ORGS[grant.org]), namespace.policy().clone());
                namespace.settle(&path, &policy, grant.at_us, &[0, 0, 0]);
            }
            Event::Pass(us) => namespace.clock_us += us,
            Event::Failover => namespace.failover(),
            Event::Rate(other) => {
                rate = other;
                namespace.change(&limits(rate));
                // What is left when a pause ends is earned at the new rate.
                lefts.clear();
            }
            Event::Sweep => drop(namespace.sweep()),
        }
    }
    let path = path_of(&namespace, ORGS[0]);
    standing(&mut namespace, &path);
    Ok(namespace)
}

/// Traces of such histories, for whoever looks at what is stored.
pub(crate) fn traces(seed: Seed, count: usize) -> Vec<Trace> {
    let mut runner = runner(seed, Config::default());
    let strategy = prop::collection::vec(event(), 20..40);
    (0..count)
        .map(|_| {
            live(&strategy.new_tree(&mut runner).expect("a history").current()).expect("a sound one").trace
        })
        .collect()
}

/// Nothing passes in a pause, nothing is ever over, no more passes than the provider says is left, and every server
/// agrees to the byte.
#[test]
fn refusals_are_taken_up_alike_everywhere() -> Result<()> {
    agree_everywhere(HISTORIES, prop::collection::vec(event(), 1..40), live)
}
