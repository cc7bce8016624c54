//! After a cut, what was spent before it is paid off no faster than the new rate says, whoever looks.

use std::rc::Rc;

use tollgate::engine::{Reply, Script, Sweep};
use tollgate::{Call, Policy};

use crate::namespace::Namespace;

const SECOND_US: u64 = 1_000_000;
const MINUTE_US: u64 = 60 * SECOND_US;

/// Limits that share a burst of two: every bucket at a rate, but for one organisation at its own.
fn limits(rate: &str, of_bolt: &str) -> String {
    let of_bolt = format!("override.bolt = {{ rate = {of_bolt:?} }}");
    format!("[[limit]]\nname = \"org\"\nper = [\"org\"]\nrate = {rate:?}\nburst = 2\n{of_bolt}\n")
}

/// Two tokens spent at two a second, and then a cut.
fn cut(to: &str, of_bolt: &str) -> (Namespace, Call) {
    let mut namespace = Namespace::new(&limits("2/s", "2/s"));
    let call = Call::get("/").org("acme");
    assert_eq!(namespace.acquire(&call, 2).entries[0].granted, 2);
    namespace.change(&limits(to, of_bolt));
    (namespace, call)
}

fn granted(namespace: &mut Namespace, call: &Call) -> u32 {
    namespace.acquire(call, 5).entries[0].granted
}

/// A bucket that owes by the new rate stays, though its record's rate has paid it off. It was once swept then, and came
/// back full: the burst passed twice within two seconds, at a rate of two a minute.
#[test]
fn the_sweep_leaves_a_bucket_that_owes_at_the_new_rate() {
    let (mut namespace, call) = cut("2/m", "2/m");
    namespace.clock_us += 2 * SECOND_US;
    assert_eq!(namespace.sweep().removed, 0, "{:?}", namespace.lab.state());
    assert_eq!(granted(&mut namespace, &call), 0);

    let (mut namespace, call) = cut("2/m", "2/m");
    namespace.clock_us += MINUTE_US - 1;
    assert_eq!(namespace.sweep().removed, 0, "a microsecond early");
    namespace.clock_us += 10 * SECOND_US;
    assert_eq!(
        namespace.sweep().removed,
        2,
        "the bucket and its limit's counter: {:?}",
        namespace.lab.state()
    );
    assert_eq!(granted(&mut namespace, &call), 2);
}

/// The sweep does not know whose terms changed: a bucket waits for the slowest of its limit, also where its own are as
/// before.
#[test]
fn the_sweep_goes_by_the_slowest_terms_of_a_limit() {
    let (mut namespace, _) = cut("2/s", "2/m");
    namespace.clock_us += 2 * SECOND_US;
    assert_eq!(namespace.sweep().removed, 0, "{:?}", namespace.lab.state());
    namespace.clock_us += MINUTE_US;
    assert_eq!(namespace.sweep().removed, 2, "{:?}", namespace.lab.state());
}

/// What was spent after the change counts by its own terms alone, as does what is owed to a limit that is gone.
#[test]
fn the_sweep_goes_by_the_record_where_no_change_came_between() {
    let (mut namespace, _) = cut("2/s", "2/m");
    namespace.clock_us += SECOND_US;
    assert_eq!(granted(&mut namespace, &Call::get("/").org("acme")), 2);
    namespace.clock_us += SECOND_US;
    assert_eq!(namespace.sweep().removed, 2, "{:?}", namespace.lab.state());

    let (mut namespace, _) = cut("2/m", "2/m");
    namespace.change("");
    namespace.clock_us += SECOND_US;
    assert_eq!(namespace.sweep().removed, 2, "{:?}", namespace.lab.state());
}

/// A replica that has not heard of the change sweeps nothing, and is told.
#[test]
fn a_sweep_by_another_policy_is_turned_away() {
    let (mut namespace, _) = cut("2/m", "2/m");
    namespace.clock_us += 2 * SECOND_US;
    let before = namespace.lab.state();
    let old =
        Policy::from_toml(&format!("namespace = \"history\"\n{}", limits("2/s", "2/s"))).expect("a policy");
    let argument = Sweep.encode(&old, &format!("1-{}", old.digest()));
    let reply = Sweep.decode(&namespace.ask(Script::SWEEP, argument));
    assert_eq!(reply, Ok(Reply::Stale { fence: namespace.fence().to_owned() }));
    assert_eq!(namespace.lab.state(), before);
}

/// A call from before the cut turns out to have cost more. Charging it does not pay the bucket off at the old rate: it
/// once did, up to the moment of the charge, whether or not the replica knew of the cut.
#[test]
fn a_correction_after_the_cut_pays_nothing_off() {
    for knows in [false, true] {
        let mut namespace = Namespace::new(&limits("2/s", "2/s"));
        let call = Call::get("/").org("acme");
        let granted_at_us = namespace.acquire(&call, 2).now_us;
        let (old_path, old) = (namespace.path(&call), Rc::new(namespace.policy().clone()));
        namespace.change(&limits("2/m", "2/m"));
        let (path, policy) = if knows {
            (namespace.path(&call), Rc::new(namespace.policy().clone()))
        } else {
            (old_path, old)
        };
        namespace.clock_us += 2 * SECOND_US;
        namespace.settle(&path, &policy, granted_at_us, &[2]);
        // Three tokens owed since the cut, at two a minute.
        let refused = namespace.acquire(&call, 1);
        let wait_us = MINUTE_US - 2 * SECOND_US;
        assert_eq!((refused.entries[0].granted, refused.entries[0].wait_us), (0, wait_us), "{refused:?}");
        namespace.clock_us += wait_us;
        assert_eq!(namespace.acquire(&call, 5).entries[0].granted, 1);
    }
}
