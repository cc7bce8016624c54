//! Pauses by hand: what they let pass, what stays of the provider's, and what the audit trail tells.

use std::time::Duration;

use anyhow::{Result, ensure};
use tollgate::engine::{Hold, HoldReply, Peek, Reply, Script};
use tollgate::policy::Path;
use tollgate::{AuditEvent, Call, Change};

use crate::audit::{SECOND_US, kinds, trail};
use crate::namespace::Namespace;
use crate::program::Programs;
use crate::refused::{LIMITS, granted, path_of, refuse, standing, use_up};
use crate::trace::Trace;

/// The argument that pauses an organisation's bucket for so many seconds; none at all ends its pause.
pub(crate) fn argument(namespace: &Namespace, path: &Path, seconds: u64) -> Vec<u8> {
    let narrowest = path.buckets().last().expect("a bucket");
    let all = namespace.policy().all_buckets_of(narrowest.limit_name(), narrowest.key());
    let mut hold = Hold::new(&all, Duration::from_secs(seconds));
    hold.change = Change { author: "ops".to_owned(), reason: "maintenance".to_owned() };
    "r0".clone_into(&mut hold.replica);
    hold.encode(namespace.policy(), namespace.fence(), &namespace.server())
}

pub(crate) fn hold(namespace: &mut Namespace, path: &Path, seconds: u64) -> HoldReply {
    let argument = argument(namespace, path, seconds);
    match Hold::decode(&namespace.ask(Script::PAUSE, argument)) {
        Ok(Reply::Done(reply)) => reply,
        other => panic!("a pause answered {other:?}"),
    }
}

/// What those who watch are told of the end of pauses.
fn eased_us(namespace: &mut Namespace) -> u64 {
    let argument = Peek::default().encode(namespace.policy(), namespace.fence(), &namespace.server());
    match Peek::default().decode(&namespace.ask(Script::PEEK, argument)) {
        Ok(Reply::Done(reply)) => reply.eased_us,
        other => panic!("a question answered {other:?}"),
    }
}

fn changed(paused_us: u64) -> HoldReply {
    HoldReply { is_kept: true, paused_us, is_changed: true }
}

fn as_before(paused_us: u64) -> HoldReply {
    HoldReply { is_changed: false, ..changed(paused_us) }
}

/// Nothing passes until the end, to the microsecond; a shorter pause changes nothing. The end begins empty, whoever has
/// ended it.
pub(crate) fn held(programs: &Programs) -> Result<Namespace> {
    let mut namespace = Namespace::under(programs, LIMITS);
    let (path, other) = (path_of(&namespace, "acme"), path_of(&namespace, "globex"));
    ensure!(hold(&mut namespace, &path, 0) == as_before(0), "there is nothing to end");
    ensure!(hold(&mut namespace, &path, 60) == changed(60 * SECOND_US));
    namespace.clock_us += SECOND_US;
    ensure!(hold(&mut namespace, &path, 30) == as_before(59 * SECOND_US), "a shorter one");
    ensure!(hold(&mut namespace, &path, 90) == changed(90 * SECOND_US), "a longer one");
    let refused = namespace.acquire_on(&path, 1).entries[0].clone();
    ensure!((refused.granted, refused.wait_us) == (0, 90 * SECOND_US + SECOND_US / 10), "{refused:?}");
    ensure!(granted(&mut namespace, &other, 1) == 1, "others go on");
    namespace.clock_us += refused.wait_us - 1;
    ensure!(granted(&mut namespace, &path, 1) == 0, "a microsecond too early");
    namespace.clock_us += 1;
    ensure!(granted(&mut namespace, &path, 5) == 1, "at the time told, and no more than that one");

    hold(&mut namespace, &path, 60);
    namespace.clock_us += SECOND_US;
    ensure!(hold(&mut namespace, &path, 0) == changed(0));
    ensure!(granted(&mut namespace, &path, 1) == 0, "it begins empty");
    namespace.clock_us += SECOND_US / 10;
    ensure!(granted(&mut namespace, &path, 5) == 1);
    let told = trail(&mut namespace);
    ensure!(kinds(&told) == ["policy", "hold", "hold", "hold", "resume"], "{told:?}");
    let AuditEvent::Resumed { limit, key, until_us, author, reason, replica } = &told[4].event else {
        anyhow::bail!("{told:?}");
    };
    ensure!((limit.as_str(), key.as_str(), author.as_str()) == ("org", "app/acme", "ops"), "{told:?}");
    ensure!((reason.as_str(), replica.as_str()) == ("maintenance", "r0"), "{told:?}");
    ensure!(*until_us == told[4].at_us + 59 * SECOND_US, "{told:?}");
    Ok(namespace)
}

/// What the provider has said is ended too, but its pace stays, and the window begins anew.
pub(crate) fn ended_for_the_provider(programs: &Programs) -> Result<()> {
    let mut namespace = Namespace::under(programs, LIMITS);
    let path = path_of(&namespace, "acme");
    let granted_at_us = namespace.clock_us;
    refuse(&mut namespace, &path, &[2], granted_at_us);
    ensure!(hold(&mut namespace, &path, 10) == as_before(30 * SECOND_US), "the provider's is longer");
    ensure!(hold(&mut namespace, &path, 0) == changed(0));
    namespace.clock_us += SECOND_US;
    ensure!(granted(&mut namespace, &path, 10) == 9, "at nine tenths of its rate");
    ensure!(kinds(&trail(&mut namespace)) == ["policy", "pause", "cut", "resume"]);
    use_up(&mut namespace, &path, 60 * SECOND_US);
    let share = standing(&mut namespace, &path)[2].share;
    ensure!(
        share == 922 + 19,
        "a window that has begun when the pause was ended is over, and was used up: {share}"
    );
    Ok(())
}

/// A pause that ends by itself, and that nobody has asked about meanwhile, ends with an empty bucket too.
pub(crate) fn slept_through(programs: &Programs) -> Result<()> {
    let mut namespace = Namespace::under(programs, LIMITS);
    let path = path_of(&namespace, "acme");
    hold(&mut namespace, &path, 60);
    namespace.clock_us += 60 * SECOND_US;
    ensure!(granted(&mut namespace, &path, 1) == 0, "it begins empty");
    namespace.clock_us += SECOND_US / 10;
    ensure!(granted(&mut namespace, &path, 5) == 1);
    Ok(())
}

/// Whoever watches hears of the end of a pause, however late he looks, and of each of two that end at once.
pub(crate) fn told_to_those_who_wait(programs: &Programs) -> Result<()> {
    let mut namespace = Namespace::under(programs, LIMITS);
    let (path, other) = (path_of(&namespace, "acme"), path_of(&namespace, "globex"));
    hold(&mut namespace, &path, 60);
    hold(&mut namespace, &other, 60);
    ensure!(eased_us(&mut namespace) == 0, "nothing has ended");
    namespace.clock_us += SECOND_US;
    hold(&mut namespace, &path, 0);
    let first_us = eased_us(&mut namespace);
    ensure!(first_us == namespace.clock_us);
    hold(&mut namespace, &other, 0);
    let second_us = eased_us(&mut namespace);
    ensure!(second_us == first_us + 1, "another one: {second_us}");
    for _ in 0..3 {
        namespace.clock_us += 86_400 * SECOND_US;
        granted(&mut namespace, &path, 1);
        ensure!(eased_us(&mut namespace) == second_us, "also days later");
    }
    Ok(())
}

/// A limit for each organisation, under which one may have more than others.
fn counting(what: &str, of_acme: &str) -> String {
    format!("[[limit]]\nname = \"org\"\nper = [\"org\"]\n{what}\n{of_acme}\n")
}

/// A pause is one of a limit for a key, whatever that counts: a change of the policy, or an override that comes or
/// goes, neither ends it nor puts it out of reach. Once only what was counted first was paused: a limit that came to
/// count more could not be resumed, and one that came to count something else let calls pass.
pub(crate) fn whatever_is_counted(programs: &Programs) -> Result<()> {
    let (in_flight, rate, gap) = ("concurrent = 5", "rate = \"10/s\"", "spacing = \"1ms\"");
    let (both, own) = (format!("{in_flight}\n{rate}"), format!("override.acme = {{ {rate} }}"));
    let changes = [
        (counting(in_flight, ""), counting(&both, "")),
        (counting(in_flight, &own), counting(in_flight, "")),
        (counting(rate, ""), counting(in_flight, "")),
        (counting(in_flight, ""), counting(gap, "")),
    ];
    for (before, after) in changes {
        let mut namespace = Namespace::under(programs, &before);
        let path = namespace.path(&Call::get("/").org("acme"));
        ensure!(hold(&mut namespace, &path, 3_600) == changed(3_600 * SECOND_US));
        namespace.change(&after);
        namespace.clock_us += SECOND_US;
        let path = namespace.path(&Call::get("/").org("acme"));
        let refused = namespace.acquire_on(&path, 1).entries[0].clone();
        ensure!(refused.granted == 0 && refused.wait_us >= 3_599 * SECOND_US, "{refused:?} by {after}");
        ensure!(hold(&mut namespace, &path, 30) == as_before(3_599 * SECOND_US), "a shorter one");
        ensure!(hold(&mut namespace, &path, 0) == changed(0), "{after}");
        ensure!(hold(&mut namespace, &path, 0) == as_before(0), "{after}");
        namespace.clock_us += SECOND_US;
        ensure!(granted(&mut namespace, &path, 1) == 1, "{after}");
        let told = trail(&mut namespace);
        ensure!(kinds(&told) == ["policy", "hold", "policy", "resume"], "{told:?}");
    }
    Ok(())
}

/// A pause by hand says nothing of the provider: what was granted in the window before still tells what it allows. Once
/// it was forgotten, and the next cut took half.
pub(crate) fn within_a_window(programs: &Programs) -> Result<()> {
    let mut namespace = Namespace::under(programs, LIMITS);
    let path = path_of(&namespace, "acme");
    let granted_at_us = namespace.clock_us;
    refuse(&mut namespace, &path, &[2], granted_at_us);
    // It begins anew where the pause of the provider ends, whoever ends it.
    hold(&mut namespace, &path, 0);
    let passed = use_up(&mut namespace, &path, 45 * SECOND_US);
    hold(&mut namespace, &path, 1);
    namespace.clock_us += 16 * SECOND_US;
    let granted_at_us = namespace.clock_us;
    granted(&mut namespace, &path, 1);
    let reply = refuse(&mut namespace, &path, &[2], granted_at_us);
    let (least, most) = (922 * 73 / 100, 922 * 74 / 100);
    ensure!(reply.is_cut && (least..=most).contains(&reply.share), "{passed} had passed: {reply:?}");
    Ok(())
}

/// Pauses, for whoever looks at what is stored.
pub(crate) fn story() -> Trace {
    held(&Programs::original()).expect("a bucket that is held").trace
}

#[test]
fn nothing_passes_until_the_end() -> Result<()> {
    held(&Programs::original()).map(drop)
}

#[test]
fn a_pause_that_nobody_asked_about_ends_empty() -> Result<()> {
    slept_through(&Programs::original())
}

#[test]
fn a_pause_of_the_provider_is_ended_and_its_pace_stays() -> Result<()> {
    ended_for_the_provider(&Programs::original())
}

#[test]
fn a_pause_is_one_of_whatever_a_limit_comes_to_count() -> Result<()> {
    whatever_is_counted(&Programs::original())
}

#[test]
fn the_end_of_a_pause_is_heard_of_however_late() -> Result<()> {
    told_to_those_who_wait(&Programs::original())
}

/// A bucket that would be one more than its limit may have is not made for a pause, and nothing is told.
#[test]
fn no_bucket_is_made_beyond_the_most() -> Result<()> {
    let limits =
        "limit = [{ name = \"org\", per = [\"client\", \"org\"], rate = \"1/m\", burst = 1, max_keys = 1 }]";
    let mut namespace = Namespace::new(limits);
    let (path, other) = (path_of(&namespace, "acme"), path_of(&namespace, "globex"));
    ensure!(granted(&mut namespace, &path, 1) == 1);
    let before = namespace.lab.state();
    let reply = hold(&mut namespace, &other, 60);
    ensure!(reply == HoldReply { is_kept: false, paused_us: 0, is_changed: false }, "{reply:?}");
    ensure!(namespace.lab.state() == before, "something was written");
    ensure!(hold(&mut namespace, &path, 60) == changed(60 * SECOND_US));
    Ok(())
}

#[test]
fn a_pause_by_hand_leaves_the_window_as_it_is() -> Result<()> {
    within_a_window(&Programs::original())
}
