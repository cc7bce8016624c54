//! The server's clock, and what those who look are told of it.

use anyhow::{Result, ensure};
use tollgate::Call;
use tollgate::engine::{Peek, PeekReply, Reply, Script};

use crate::namespace::Namespace;

const DAY_US: u64 = 86_400_000_000;

fn look(namespace: &mut Namespace) -> PeekReply {
    let argument = Peek::default().encode(namespace.policy(), namespace.fence(), &namespace.server());
    match Peek::default().decode(&namespace.ask(Script::PEEK, argument)) {
        Ok(Reply::Done(reply)) => reply,
        other => panic!("a question answered {other:?}"),
    }
}

/// A clock that was a day ahead for a moment leaves the namespace's time a day ahead for good, so that no debt is paid
/// off twice. What ends at a point in time is to end by the clock all the same: overrides once ended a day early from
/// then on.
#[test]
fn those_who_look_are_told_what_the_clock_shows() -> Result<()> {
    let limits = "[[limit]]\nname = \"org\"\nper = [\"org\"]\nrate = \"1/s\"\n";
    let mut namespace = Namespace::new(limits);
    let call = Call::get("/").org("acme");
    let reply = look(&mut namespace);
    ensure!((reply.now_us, reply.clock_us) == (namespace.clock_us, namespace.clock_us), "{reply:?}");
    namespace.clock_us += DAY_US;
    namespace.acquire(&call, 1);
    namespace.clock_us -= DAY_US;
    // The step is seen by whoever looks, and kept by whoever writes.
    for _ in 0..2 {
        let reply = look(&mut namespace);
        let told = (reply.now_us, reply.clock_us);
        ensure!(told == (namespace.clock_us + DAY_US, namespace.clock_us), "{reply:?}");
        namespace.acquire(&call, 1);
    }
    namespace.clock_us += 5_000_000;
    let reply = look(&mut namespace);
    ensure!(reply.clock_us == namespace.clock_us && reply.now_us == reply.clock_us + DAY_US, "{reply:?}");
    Ok(())
}
