//! Calls in flight: counted from their grant until they are over, or their lease has run out.

use tollgate::Call;
use tollgate::engine::{
    AcquireBatch, AcquireReply, BatchId, CallState, Calls, Reply, Script, SettleBatch, Settlement,
    SettlementReply,
};
use tollgate::policy::Path;

use crate::namespace::Namespace;

/// Three calls at once, each for 10 s, and hardly ever too few tokens.
const LIMITS: &str = "limit = [{ name = \"exports\", per = [\"org\"], concurrent = 3, lease = \"10s\" },
                               { name = \"calls\", per = [], rate = \"1000/s\" }]";
pub(crate) const LEASE_US: u64 = 10_000_000;

pub(crate) fn path(namespace: &Namespace) -> Path {
    namespace.path(&Call::get("/").org("acme"))
}

/// The leases of the calls that one entry was granted.
pub(crate) fn leases(reply: &AcquireReply) -> Vec<u64> {
    let leases = reply.entries[0].leases.iter();
    leases.flat_map(|leases| leases.first..leases.first + u64::from(leases.calls)).collect()
}

/// What a settlement says of a call, under a name or without one.
pub(crate) fn tell(
    namespace: &mut Namespace,
    permit: Option<&str>,
    call: CallState,
    ids: &[u64],
) -> Option<SettlementReply> {
    let path = path(namespace);
    let bucket = &path.buckets()[0];
    let granted_at_us = namespace.clock_us;
    let settlement = Settlement { permit: permit.map(Into::into), epoch: 0, granted_at_us, call };
    let mut batch = SettleBatch::default();
    batch.push_with_leases([], ids.iter().map(|&id| (bucket, id)), settlement);
    let number = namespace.trace.runs.len() as u64 + 1;
    let server = namespace.server();
    let argument = batch.encode(&BatchId { answer: "r0:s", number, server: &server }, namespace.policy());
    match batch.decode(&namespace.ask(Script::SETTLE, argument)).expect("a reply") {
        Reply::Done(outcomes) => outcomes.first().copied(),
        other => panic!("{other:?}"),
    }
}

fn take(namespace: &mut Namespace, calls: u32) -> (u32, Vec<u64>) {
    let path = path(namespace);
    let reply = namespace.acquire_on(&path, calls);
    (reply.entries[0].granted, leases(&reply))
}

#[test]
fn no_more_calls_are_in_flight_than_may_be() {
    let mut namespace = Namespace::new(LIMITS);
    let (granted, ids) = take(&mut namespace, 5);
    assert_eq!((granted, ids.len()), (3, 3));
    let path = path(&namespace);
    let refused = namespace.acquire_on(&path, 1);
    assert_eq!((refused.entries[0].granted, refused.entries[0].by), (0, Some(0)), "{refused:?}");
    assert_eq!(refused.debts, [3, 3 * path.buckets()[1].terms().credit()], "a refused call takes no token");

    tell(&mut namespace, None, CallState::Over, &ids[..1]);
    let (granted, later) = take(&mut namespace, 5);
    assert_eq!((granted, later.len()), (1, 1));
    assert!(!ids.contains(&later[0]), "in the same microsecond, and another lease");
}

/// What is said twice, or far too late, ends nothing that it is not about.
#[test]
fn a_lease_ends_once() {
    let mut namespace = Namespace::new(LIMITS);
    let (_, ids) = take(&mut namespace, 3);
    for _ in 0..3 {
        tell(&mut namespace, None, CallState::Over, &ids[..1]);
    }
    let (granted, _) = take(&mut namespace, 5);
    assert_eq!(granted, 1);
    tell(&mut namespace, None, CallState::Over, &ids[..1]);
    assert_eq!(take(&mut namespace, 1).0, 0);
}

/// A permit is taken back and dropped, and its id renewed by somebody else: in one batch, where the call once counted
/// twice.
#[test]
fn a_call_that_is_over_and_renewed_at_once_counts_once() {
    let mut namespace = Namespace::new(LIMITS);
    let (_, ids) = take(&mut namespace, 1);
    let path = path(&namespace);
    let settlement = |call| Settlement { permit: None, epoch: 0, granted_at_us: namespace.clock_us, call };
    let mut batch = SettleBatch::default();
    for call in [CallState::Over, CallState::InFlight] {
        batch.push_with_leases([], [(&path.buckets()[0], ids[0])], settlement(call));
    }
    let server = namespace.server();
    let argument = batch.encode(&BatchId { answer: "r0:s", number: 9, server: &server }, namespace.policy());
    namespace.ask(Script::SETTLE, argument);
    assert_eq!(take(&mut namespace, 5).0, 2);
}

#[test]
fn the_dead_are_counted_until_their_lease_runs_out_and_no_longer() {
    let mut namespace = Namespace::new(LIMITS);
    let (_, ids) = take(&mut namespace, 3);
    namespace.clock_us += LEASE_US / 2;
    tell(&mut namespace, None, CallState::InFlight, &ids[..1]);
    namespace.clock_us += LEASE_US / 2 - 1;
    assert_eq!(take(&mut namespace, 5).0, 0);
    namespace.clock_us += 1;
    assert_eq!(take(&mut namespace, 5).0, 2, "one was renewed");
}

/// A replica that stood still for longer than a lease sends its calls all the same. They count again as soon as it says
/// so, and nobody is granted another until enough of all are over.
#[test]
fn a_lease_that_has_run_out_counts_again_when_it_is_renewed() {
    let mut namespace = Namespace::new(LIMITS);
    let (_, slow) = take(&mut namespace, 3);
    namespace.clock_us += LEASE_US;
    let (_, quick) = take(&mut namespace, 2);
    tell(&mut namespace, None, CallState::InFlight, &slow);
    assert_eq!(take(&mut namespace, 5).0, 0);
    tell(&mut namespace, None, CallState::Over, &quick);
    assert_eq!(take(&mut namespace, 5).0, 0, "three are in flight");
    tell(&mut namespace, None, CallState::Over, &slow[..2]);
    assert_eq!(take(&mut namespace, 5).0, 2);
}

/// After a loss of state nobody knows who holds leases, until each has renewed its own or lost it.
#[test]
fn an_epoch_begins_as_if_all_were_in_flight() {
    let mut namespace = Namespace::new(LIMITS);
    let (_, ids) = take(&mut namespace, 1);
    let mut state = namespace.lab.state();
    state.state.retain(|(field, _)| field == b"head");
    namespace.replace(&state);
    namespace.failover();
    assert_eq!(take(&mut namespace, 5).0, 0);
    namespace.clock_us += LEASE_US / 2;
    tell(&mut namespace, None, CallState::InFlight, &ids);
    namespace.clock_us += LEASE_US / 2 - 1;
    assert_eq!(take(&mut namespace, 5).0, 0);
    namespace.clock_us += 1;
    assert_eq!(take(&mut namespace, 5).0, 2, "one was renewed");
}

/// A call that is asked for again under its name is the same call, with the same lease.
#[test]
fn a_call_asked_for_again_has_the_lease_it_had() {
    let mut namespace = Namespace::new(LIMITS);
    let path = path(&namespace);
    let named = || Calls::trying(1).named(Some("request".into()));
    let first = leases(&namespace.ask_for(&path, named()));
    namespace.clock_us += 5;
    assert_eq!(leases(&namespace.ask_for(&path, named())), first);
    assert_eq!(take(&mut namespace, 5).0, 2);

    assert_eq!(
        tell(&mut namespace, Some("request"), CallState::InFlight, &first),
        Some(SettlementReply::Settled)
    );
    assert_eq!(
        tell(&mut namespace, Some("request"), CallState::Over, &first),
        Some(SettlementReply::Settled)
    );
    assert_eq!(take(&mut namespace, 5).0, 1);
    let again = tell(&mut namespace, Some("request"), CallState::InFlight, &first);
    assert_eq!(again, Some(SettlementReply::SettledBefore), "its call is over");
    namespace.clock_us += LEASE_US;
    assert_eq!(take(&mut namespace, 5).0, 3);
}

/// A call that is over has left its place to others: asked for again it waits for one, but is not charged again.
#[test]
fn a_call_asked_for_again_takes_a_place_anew_if_its_lease_has_ended() {
    for is_told in [true, false] {
        let mut namespace = Namespace::new(LIMITS);
        let path = path(&namespace);
        let named = || Calls::trying(1).named(Some("request".into()));
        let first = leases(&namespace.ask_for(&path, named()));
        if is_told {
            tell(&mut namespace, None, CallState::Over, &first);
        } else {
            namespace.clock_us += LEASE_US;
        }
        let (_, others) = take(&mut namespace, 3);
        let refused = namespace.ask_for(&path, named());
        assert_eq!((refused.entries[0].granted, refused.entries[0].by), (0, Some(0)), "{refused:?}");
        assert!(leases(&refused).is_empty(), "{refused:?}");

        tell(&mut namespace, None, CallState::Over, &others[..1]);
        namespace.clock_us += 1;
        let again = namespace.ask_for(&path, named());
        assert_eq!(again.entries[0].granted, 1, "{again:?}");
        assert_eq!(
            again.debts[1],
            refused.debts[1].saturating_sub(path.buckets()[1].terms().refill()),
            "paid for"
        );
        let second = leases(&again);
        assert!(second.len() == 1 && second != first, "{again:?}");
        assert_eq!(take(&mut namespace, 1).0, 0);
        assert_eq!(leases(&namespace.ask_for(&path, named())), second, "and has that one from now on");
    }
}

/// Calls of one name that go together, one of which waits and one does not, are one call with one lease.
#[test]
fn calls_of_one_name_in_one_batch_have_one_lease() {
    let mut namespace = Namespace::new(LIMITS);
    let path = path(&namespace);
    let mut batch = AcquireBatch::default();
    for _ in 0..2 {
        batch.push(&path, Calls::trying(1).named(Some("request".into())));
    }
    let argument = namespace.argument(&batch);
    let Ok(Reply::Done(reply)) = batch.decode(&namespace.ask(Script::ACQUIRE, argument)) else {
        panic!("no reply");
    };
    assert_eq!((reply.entries[0].granted, reply.entries[1].granted, reply.debts[0]), (1, 1, 1), "{reply:?}");
    assert_eq!(reply.entries[0].leases, reply.entries[1].leases);
    assert_eq!(leases(&reply).len(), 1);
}

/// More than there may be any more are let finish, and no other begins.
#[test]
fn a_lower_limit_waits_for_those_in_flight() {
    let mut namespace = Namespace::new(LIMITS);
    let (_, ids) = take(&mut namespace, 3);
    namespace.clock_us += 1;
    namespace.change(&LIMITS.replace("concurrent = 3", "concurrent = 1"));
    for id in &ids {
        assert_eq!(take(&mut namespace, 1).0, 0);
        tell(&mut namespace, None, CallState::Over, &[*id]);
    }
    assert_eq!(take(&mut namespace, 5).0, 1);
}

/// Calls that wait for others to be over take turns: whoever came first has the first lease that is free, though
/// another one asks for it before.
#[test]
fn calls_wait_in_line_for_others_to_be_over() {
    let mut namespace = Namespace::new(LIMITS);
    let (_, ids) = take(&mut namespace, 3);
    let path = path(&namespace);
    let waiting = Calls { patience_us: 60_000_000, ..Calls::trying(1) };
    let told = namespace.ask_for(&path, waiting.clone());
    assert_eq!((told.entries[0].by, told.entries[0].tickets.len()), (Some(0), 1), "{told:?}");
    assert_eq!(told.entries[0].wait_us, 5_000, "it looks again soon");

    tell(&mut namespace, None, CallState::Over, &ids[..1]);
    assert_eq!(take(&mut namespace, 1).0, 0, "the free one is kept for who waits");
    let tickets = told.entries[0].tickets.clone();
    assert_eq!(namespace.ask_for(&path, Calls { tickets, ..waiting }).entries[0].granted, 1);
}

/// The longer calls have been in flight the later whoever waits looks again: from 5 to 250 ms, and not after its
/// deadline.
#[test]
fn whoever_waits_looks_again_by_how_long_calls_take() {
    for (age_us, patience_us, expected) in [
        (0, 60_000_000, 5_000),
        (600_001, 60_000_000, 100_000),
        (9_000_000, 60_000_000, 250_000),
        (9_000_000, 70_000, 70_000),
    ] {
        let mut namespace = Namespace::new(LIMITS);
        take(&mut namespace, 3);
        namespace.clock_us += age_us;
        let path = path(&namespace);
        let told = namespace.ask_for(&path, Calls { patience_us, ..Calls::trying(1) });
        assert_eq!(told.entries[0].wait_us, expected, "after {age_us} us");
        assert_eq!(told.entries[0].tickets.len(), 1);
    }
}

/// An observed limit counts those that would have been in flight, and refuses none.
#[test]
fn an_observed_limit_counts_calls_in_flight_and_refuses_none() {
    let limits = LIMITS.replace("concurrent = 3", "mode = \"observe\", concurrent = 3");
    let mut namespace = Namespace::new(&limits);
    let path = path(&namespace);
    let reply = namespace.acquire_on(&path, 5);
    let entry = &reply.entries[0];
    assert_eq!((entry.granted, entry.over, reply.debts[0]), (5, 2, 3), "{reply:?}");
    assert_eq!(leases(&reply).len(), 3, "{reply:?}");
}

/// Nothing is left of calls that are over.
#[test]
fn what_is_over_is_swept() {
    let mut namespace = Namespace::new(LIMITS);
    let fields = namespace.lab.field_count();
    let (_, ids) = take(&mut namespace, 3);
    tell(&mut namespace, None, CallState::Over, &ids[..1]);
    namespace.clock_us += LEASE_US - 1;
    namespace.sweep();
    let kept = namespace.lab.state();
    assert!(kept.get("b:exports/concurrent:acme").is_some(), "two may be in flight");
    namespace.clock_us += LEASE_US * 100;
    namespace.sweep();
    let left = namespace.lab.field_count() - namespace.lab.usage_count();
    assert_eq!(left, fields + 1, "the head of the sweep: {:?}", namespace.lab.state());
}

/// The smallest gap between two grants, to the microsecond, whatever the calls cost.
#[test]
fn a_spacing_keeps_two_grants_apart() {
    let mut namespace =
        Namespace::new("limit = [{ name = \"exports\", per = [], spacing = \"200ms\", rate = \"90/s\" }]");
    let path = namespace.path(&Call::get("/").org("acme").cost(40));
    let first = namespace.acquire_on(&path, 2);
    assert_eq!((first.entries[0].granted, first.entries[0].by), (1, Some(1)), "{first:?}");
    assert_eq!(first.entries[0].wait_us, 200_000);
    namespace.clock_us += 199_999;
    assert_eq!(namespace.acquire_on(&path, 1).entries[0].granted, 0);
    namespace.clock_us += 1;
    assert_eq!(namespace.acquire_on(&path, 1).entries[0].granted, 1);
}
