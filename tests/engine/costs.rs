//! A call that costs more at one limit of its path than at another.

use tollgate::engine::Calls;
use tollgate::policy::Path;
use tollgate::{Call, Priority};

use crate::namespace::Namespace;

/// A token a second at both, three of them in a full bucket of the first limit and eight in one of the second.
const LIMITS: &str = "limit = [{ name = \"calls\", per = [], rate = \"1/s\", burst = 3 },
                               { name = \"rows\", per = [], rate = \"1/s\", burst = 8 }]";
const TOKEN_US: u64 = 1_000_000;

/// A token of the first limit and three of the second.
fn path(namespace: &Namespace) -> Path {
    namespace.path(&Call::get("/").org("acme")).at_costs(&[1, 3])
}

fn owed(namespace: &Namespace, debts: &[u64]) -> Vec<u64> {
    debts.iter().zip(path(namespace).buckets()).map(|(debt, bucket)| debt / bucket.terms().credit()).collect()
}

/// Each bucket is charged its own cost, the one with the least room in calls binds, and the wait is by what the call
/// costs there.
#[test]
fn each_bucket_is_charged_its_own_cost() {
    let mut namespace = Namespace::new(LIMITS);
    let path = path(&namespace);
    let reply = namespace.acquire_on(&path, 5);
    assert_eq!(owed(&namespace, &reply.debts), [2, 6]);
    let entry = &reply.entries[0];
    assert_eq!((entry.granted, entry.by, entry.wait_us), (2, Some(1), TOKEN_US), "{reply:?}");
    namespace.clock_us += TOKEN_US - 1;
    assert_eq!(namespace.acquire_on(&path, 1).entries[0].granted, 0);
    namespace.clock_us += 1;
    assert_eq!(namespace.acquire_on(&path, 1).entries[0].granted, 1);
}

/// What a call has cost less is given back at each bucket by what it was charged there.
#[test]
fn each_bucket_is_given_back_its_own() {
    let mut namespace = Namespace::new(LIMITS);
    let path = path(&namespace);
    let policy = namespace.policy().clone();
    let granted_at_us = namespace.acquire_on(&path, 2).now_us;
    namespace.settle(&path, &policy, granted_at_us, &[0, 2]);
    let reply = namespace.acquire_on(&path, 0);
    assert_eq!(owed(&namespace, &reply.debts), [1, 5]);
}

/// A queue keeps for a call as many tokens as it costs at that bucket. Method: a call waits for three tokens of the
/// second limit, and when they are there another one comes before it that costs one, but whose turn is later.
#[test]
fn a_ticket_keeps_the_cost_of_its_bucket() {
    let mut namespace = Namespace::new(LIMITS);
    let path = path(&namespace);
    namespace.acquire_on(&path, 2);
    let waiting = Calls { patience_us: 60 * TOKEN_US, ..Calls::trying(1) };
    let told = namespace.ask_for(&path, waiting.clone());
    assert_eq!((told.entries[0].granted, told.entries[0].wait_us), (0, TOKEN_US), "{told:?}");
    assert_eq!(told.entries[0].tickets.len(), 1, "{told:?}");

    namespace.clock_us += TOKEN_US;
    let other = Call::get("/").org("bolt").priority(Priority::Batch);
    let other = namespace.path(&other).at_costs(&[1, 1]);
    let refused = namespace.acquire_on(&other, 1);
    assert_eq!((refused.entries[0].granted, refused.entries[0].by), (0, Some(1)), "{refused:?}");
    let tickets = told.entries[0].tickets.clone();
    assert_eq!(namespace.ask_for(&path, Calls { tickets, ..waiting }).entries[0].granted, 1);
}
