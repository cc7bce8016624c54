//! What a change of the policy would make of buckets is what it makes of them, to the credit.

use anyhow::{Result, ensure};
use proptest::prelude::*;
use tollgate::engine::{Foresee, ForeseeReply, Reply, Script};
use tollgate::policy::Path;
use tollgate::{Call, Policy};
use tollgate_testkit::Sizes;

use crate::hold::hold;
use crate::mutants::{self, Story};
use crate::namespace::Namespace;
use crate::program::Programs;
use crate::random::agree_everywhere;
use crate::refused::{granted, refuse, standing};
use crate::twin::Twin;

const HISTORIES: Sizes<u32> = Sizes { ci: 300, long: 20_000 };

const SECOND_US: u64 = 1_000_000;

/// Policies that follow each other: other rates, other units, other bursts, another mode, limits that come and go.
const POLICIES: [&str; 4] = [
    "limit = [{ name = \"platform\", per = [], rate = \"100/s\", burst = 100 }, \
        { name = \"org\", per = [\"org\"], rate = \"10/s\", burst = 10, concurrent = 3, lease = \"10s\" }]",
    "limit = [{ name = \"platform\", per = [], rate = \"7/3s\", burst = 1000, mode = \"observe\" }, \
        { name = \"org\", per = [\"org\"], quota = \"300/1m\", concurrent = 1, lease = \"5s\", spacing = \"1s\" }]",
    "limit = [{ name = \"platform\", per = [], rate = \"1/1h\", burst = 5 }, \
        { name = \"org\", per = [\"org\"], rate = \"1/s\", burst = 50, override.acme = { rate = \"3/7s\", burst = 2 } }]",
    "limit = [{ name = \"org\", per = [\"org\"], rate = \"20/s\", burst = 10, spacing = \"200ms\" }]",
];

const ORGS: [&str; 3] = ["acme", "globex", "hooli"];

/// Something that happens.
#[derive(Clone, Debug)]
enum Event {
    Acquire {
        org: usize,
        calls: u32,
    },
    Pass(u64),
    Change(usize),
    Hold {
        org: usize,
        seconds: u64,
    },
    Refused {
        org: usize,
    },
    Sweep,
    Failover,
    /// It is asked what this policy would make of the buckets, and then it comes.
    Foresee(usize),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        6 => (0_usize..3, 1_u32..20).prop_map(|(org, calls)| Event::Acquire { org, calls }),
        4 => prop_oneof![1..SECOND_US, SECOND_US..100 * SECOND_US].prop_map(Event::Pass),
        1 => (0_usize..4).prop_map(Event::Change),
        1 => (0_usize..3, 0_u64..40).prop_map(|(org, seconds)| Event::Hold { org, seconds }),
        1 => (0_usize..3).prop_map(|org| Event::Refused { org }),
        1 => Just(Event::Sweep),
        1 => Just(Event::Failover),
        3 => (0_usize..4).prop_map(Event::Foresee),
    ]
}

fn call(org: usize) -> Call {
    Call::get("/").org(ORGS[org])
}

fn policy(limits: &str) -> Policy {
    Policy::from_toml(&format!("namespace = \"history\"\n{limits}")).expect("a policy")
}

/// What the buckets of a call would be under another policy.
fn foreseen(namespace: &mut Namespace, now: &Path, then: (&Policy, &Path)) -> ForeseeReply {
    let mut question = Foresee::default();
    now.buckets().iter().for_each(|bucket| question.push(Some(bucket), None));
    then.1.buckets().iter().for_each(|bucket| question.push(None, Some(bucket)));
    let argument = question.encode([namespace.policy(), then.0], namespace.fence(), &namespace.server());
    match question.decode(&namespace.ask(Script::FORESEE, argument)).expect("a reply") {
        Reply::Done(reply) => reply,
        other => panic!("{other:?}"),
    }
}

/// Asks what would come of a policy, has it come at the same moment, and compares.
fn comes_true(namespace: &mut Namespace, limits: &str) -> Result<()> {
    let then = policy(limits);
    let before = namespace.lab.state();
    let mut told = Vec::new();
    for (org, name) in ORGS.into_iter().enumerate() {
        let (now, path) = (namespace.path(&call(org)), then.path(&call(org))?);
        let reply = foreseen(namespace, &now, (&then, &path));
        let stands = standing(namespace, &now);
        ensure!(reply.now == stands, "{name}: {:?} was told, it is {stands:?}", reply.now);
        told.push(reply.then);
    }
    ensure!(namespace.lab.state() == before, "a question has written");
    namespace.change(limits);
    for (org, told) in told.into_iter().enumerate() {
        let path = namespace.path(&call(org));
        let stands = standing(namespace, &path);
        ensure!(told == stands, "{}: {told:?} was told, it came to {stands:?}", ORGS[org]);
    }
    Ok(())
}

fn happens(namespace: &mut Namespace, event: &Event) -> Result<()> {
    match *event {
        Event::Acquire { org, calls } => {
            let path = namespace.path(&call(org));
            granted(namespace, &path, calls);
        }
        Event::Pass(us) => namespace.clock_us += us,
        Event::Change(policy) => namespace.change(POLICIES[policy]),
        Event::Hold { org, seconds } => {
            let path = namespace.path(&call(org));
            hold(namespace, &path, seconds);
        }
        Event::Refused { org } => {
            let (path, now_us) = (namespace.path(&call(org)), namespace.clock_us);
            refuse(namespace, &path, &[0], now_us);
        }
        Event::Sweep => {
            namespace.sweep();
        }
        Event::Failover => namespace.failover(),
        Event::Foresee(policy) => comes_true(namespace, POLICIES[policy])?,
    }
    Ok(())
}

/// Random histories of calls, pauses, cuts, changes, losses and sweeps: whenever a change is foreseen and then made,
/// each bucket stands as it was told, before and after, and the question has changed nothing, on every server.
#[test]
fn what_is_foreseen_comes_true_to_the_credit() -> Result<()> {
    agree_everywhere(HISTORIES, prop::collection::vec(event(), 1..40), |events| {
        let mut namespace = Namespace::new(POLICIES[0]);
        for event in events {
            happens(&mut namespace, event).map_err(|error| format!("{error:#}"))?;
        }
        Ok(namespace)
    })
}

/// A bucket that owes all of its tokens, in a namespace whose policy is changed often after that, and at last to a
/// faster one.
fn after_many_changes(programs: &Programs, changes: usize) -> Result<Namespace> {
    let mut namespace = Namespace::under(programs, POLICIES[0]);
    let path = namespace.path(&call(0));
    ensure!(granted(&mut namespace, &path, 10) == 3, "so many may be in flight");
    for change in 0..changes {
        namespace.clock_us += 1_000;
        namespace.change(POLICIES[[0, 2][change % 2]]);
    }
    namespace.clock_us += SECOND_US / 5;
    comes_true(&mut namespace, POLICIES[3])?;
    Ok(namespace)
}

fn after_few(programs: &Programs) -> Result<()> {
    after_many_changes(programs, 3).map(drop)
}

fn after_more_than_are_kept(programs: &Programs) -> Result<()> {
    after_many_changes(programs, 101).map(drop)
}

const STORIES: [(&str, Story); 2] =
    [("after few changes", after_few), ("after more changes than are kept", after_more_than_are_kept)];

#[test]
fn it_comes_true_after_many_changes_too_on_every_server() -> Result<()> {
    after_more_than_are_kept(&Programs::original())?;
    let namespace = after_many_changes(&Programs::original(), 3)?;
    Twin::all_agree_on(&namespace.trace)
}

/// Without taking up the change the buckets are read at the wrong rates.
#[test]
fn a_question_that_forgets_the_change_is_found_out() -> Result<()> {
    mutants::are_found_out(&[("rule_anew(head, changes, now)\nproblem", "problem")], &STORIES)
}
