//! A limit at its number of buckets.

use tollgate::Call;

use crate::namespace::Namespace;

/// A limit that may have two buckets takes no third organisation, says so, and serves those it has; once one of its
/// buckets is full again and swept, there is room.
#[test]
fn a_limit_at_its_number_of_buckets_takes_a_new_key_after_a_sweep() {
    let mut namespace = Namespace::new(
        "limit = [{ name = \"org\", per = [\"org\"], rate = \"1/s\", burst = 2, max_keys = 2 }]",
    );
    let call = |org: &str| Call::get("/").org(org);
    namespace.acquire(&call("acme"), 1);
    namespace.clock_us += 500_000;
    namespace.acquire(&call("bolt"), 1);

    let before = namespace.lab.state();
    let refused = namespace.acquire(&call("core"), 1);
    assert_eq!((refused.entries[0].granted, refused.entries[0].crowded), (0, true), "{refused:?}");
    assert_eq!((refused.entries[0].by, refused.entries[0].wait_us), (Some(0), 1_000_000), "{refused:?}");
    assert_eq!(namespace.lab.state(), before, "a refusal writes nothing");
    assert_eq!(namespace.acquire(&call("bolt"), 1).entries[0].granted, 1, "those it has are served");

    // acme's bucket is full again, bolt's is not.
    namespace.clock_us += 500_000;
    assert_eq!(namespace.acquire(&call("core"), 1).entries[0].granted, 0, "full is not yet swept");
    assert_eq!(namespace.sweep().removed, 1, "{:?}", namespace.lab.state());
    assert_eq!(namespace.acquire(&call("core"), 1).entries[0].granted, 1, "there is room");
    let refused = namespace.acquire(&call("acme"), 1);
    assert!(refused.entries[0].crowded, "and now acme is the third: {refused:?}");
}

/// A limit that is only observed never refuses, also not for want of room: what it can't count, it reports as over.
#[test]
fn an_observed_limit_at_its_number_of_buckets_refuses_nothing() {
    let mut namespace = Namespace::new(
        "limit = [{ name = \"org\", per = [\"org\"], rate = \"1/s\", burst = 2, max_keys = 1, mode = \"observe\" }]",
    );
    namespace.acquire(&Call::get("/").org("acme"), 1);
    let reply = namespace.acquire(&Call::get("/").org("bolt"), 3);
    assert_eq!((reply.entries[0].granted, reply.entries[0].over), (3, 3), "{reply:?}");
}
