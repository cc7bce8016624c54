//! What the provider says is left of a quota: it lowers a bucket, and raises none.

use std::time::Duration;

use tollgate::engine::{Lower, QuotaLeft, Reply, Script};
use tollgate::policy::Path;

use crate::namespace::Namespace;
use crate::refused::{LIMITS, granted, path_of, use_up};

const SECOND_US: u64 = 1_000_000;

/// Tells what the provider says is left, in the answer to a call that was granted at a time.
fn lower(namespace: &mut Namespace, path: &Path, granted_at_us: u64, left: QuotaLeft) -> u64 {
    let mut lower = Lower::granted_in(0, granted_at_us);
    lower.push(&path.buckets()[2], left);
    let argument = lower.encode(namespace.policy(), namespace.fence(), &namespace.server());
    match Lower::decode(&namespace.ask(Script::LOWER, argument)).expect("a reply") {
        Reply::Done(lowered) => lowered,
        other => panic!("{other:?}"),
    }
}

/// A provider that says that less is left than the bucket holds is believed, one that says that more is left is not. Calls that
/// were granted meanwhile have not been counted there yet.
#[test]
fn what_remains_only_lowers_less_what_is_on_its_way() {
    let mut namespace = Namespace::new(LIMITS);
    let path = path_of(&namespace, "acme");
    let owed = namespace.acquire_on(&path, 1).debts[2];
    let granted_at_us = namespace.clock_us;
    assert_eq!(granted(&mut namespace, &path, 2), 2);
    let left = |remaining| QuotaLeft { owed, remaining, resets_in: None };
    assert_eq!(lower(&mut namespace, &path, granted_at_us, left(100)), 0);
    assert_eq!(lower(&mut namespace, &path, granted_at_us, left(5)), 1);
    assert_eq!(lower(&mut namespace, &path, granted_at_us, left(5)), 0, "told again");
    assert_eq!(granted(&mut namespace, &path, 9), 3, "of five two were on their way");
    assert_eq!(lower(&mut namespace, &path, granted_at_us, left(9)), 0, "an older answer");
    assert_eq!(granted(&mut namespace, &path, 9), 0);
}

/// Until the provider grants the whole quota again no more passes than it says is left.
#[test]
fn what_remains_has_to_do_until_the_reset() {
    let mut namespace = Namespace::new(LIMITS);
    let path = path_of(&namespace, "acme");
    let owed = namespace.acquire_on(&path, 1).debts[2];
    let granted_at_us = namespace.clock_us;
    let left = QuotaLeft { owed, remaining: 7, resets_in: Some(Duration::from_secs(20)) };
    assert_eq!(lower(&mut namespace, &path, granted_at_us, left), 1);
    assert_eq!(use_up(&mut namespace, &path, 20 * SECOND_US), 7, "instead of 200");
    assert_eq!(use_up(&mut namespace, &path, SECOND_US), 10);
}
