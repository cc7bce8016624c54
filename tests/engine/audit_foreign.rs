//! The audit trail beside what is none of ours, and on every server.

use std::time::Duration;

use anyhow::Result;
use tollgate::embedded::{Reply as Raw, StreamDump};
use tollgate::engine::{AuditRead, BackOff, Keys, Lower, QuotaLeft, RefusedCall, Script, Streams};
use tollgate::{AuditEntry, AuditEvent, AuditOrder};

use crate::audit::{KEPT_US, SECOND_US, lower, sweep_later, trail};
use crate::namespace::Namespace;
use crate::refused::{LIMITS, granted, path_of, refuse};
use crate::trace::Trace;
use crate::twin::Twin;

/// What is in the key that is no trail: a hash, a stream with an id that is not ours, or nothing.
const FOREIGN: &str = "redis.call('DEL', KEYS[1])
if ARGV[1] == 'hash' then redis.call('HSET', KEYS[1], 'x', 'x') end
if ARGV[1] == 'id' then redis.call('XADD', KEYS[1], 'MAXLEN', '=', '9', '18446744073709551615-7', 'x', 'x') end
return 1";

/// A key that holds something else is named by every script that would tell something, and nothing is written.
#[test]
fn a_key_that_holds_no_trail_is_an_error_before_anything_is_written() {
    let kept: [fn(&Keys) -> &str; 3] = [Keys::audit, Keys::calls, Keys::records];
    for (what, key) in ["hash", "id"].into_iter().flat_map(|what| kept.map(|key| (what, key))) {
        let mut namespace = Namespace::new(LIMITS);
        let path = path_of(&namespace, "acme");
        granted(&mut namespace, &path, 1);
        let granted_at_us = namespace.clock_us;
        namespace.clock_us += 1;
        let name = format!("{}'", key(namespace.lab.keys()));
        namespace.foreign(FOREIGN, key, what);
        let before = namespace.lab.dump();
        for script in [Script::BACK_OFF, Script::LOWER, Script::SWEEP, Script::POLICY, Script::AUDIT] {
            let argument = asked(&namespace, script, granted_at_us);
            let reply = namespace.run(script, argument);
            let told =
                matches!(&reply, Raw::Error(text) if text.starts_with("AUDIT ") && text.contains(&name));
            assert!(told, "{}, over a {what}: {reply:?}", script.name());
            assert!(namespace.lab.dump() == before, "{}, over a {what}, has written", script.name());
        }
    }
}

/// What makes a script tell something, or read the trail.
fn asked(namespace: &Namespace, script: &Script, granted_at_us: u64) -> Vec<u8> {
    let path = path_of(namespace, "acme");
    match script.name() {
        "back_off" => {
            let mut refused = BackOff::new(RefusedCall { granted_at_us, ..RefusedCall::default() });
            refused.push(&path.buckets()[2], Duration::from_secs(1));
            refused.encode(namespace.policy(), namespace.fence(), "server")
        }
        "lower" => {
            let mut lower = Lower::granted_in(0, granted_at_us);
            lower.push(&path.buckets()[2], QuotaLeft { owed: 0, remaining: 0, resets_in: None });
            lower.encode(namespace.policy(), namespace.fence(), "server")
        }
        "sweep" => namespace.sweeping(),
        "policy" => namespace.write_next(),
        _ => AuditRead {
            first: None,
            last: None,
            count: 1,
            order: AuditOrder::OldestFirst,
            streams: Streams::All,
        }
        .encode(),
    }
}

/// Entries of others, and of later versions, are told as such, and hinder nobody.
#[test]
fn entries_that_cant_be_read_are_told_as_such() {
    let mut namespace = Namespace::new(LIMITS);
    let mut state = namespace.lab.state();
    let StreamDump { last_id, entries } = &mut state.audit;
    for (number, (kind, record)) in
        [("pause", &b"\x02\x01"[..]), ("pause", b""), ("\u{fffd}", b"\x01\x01"), ("later", b"\x01\x01\xc0")]
            .into_iter()
            .enumerate()
    {
        *last_id = format!("1800000000000-{number}");
        entries.push((last_id.clone(), vec![kind.as_bytes().to_vec(), record.to_vec()]));
    }
    namespace.replace(&state);
    let told = trail(&mut namespace);
    let is_unreadable = |entry: &AuditEntry| matches!(entry.event, AuditEvent::Unreadable { .. });
    assert_eq!(told.iter().filter(|entry| is_unreadable(entry)).count(), 4, "{told:?}");
    assert_eq!(told[1].at_us, 1_800_000_000_000_000);
    // What comes next has an id above these.
    let path = path_of(&namespace, "acme");
    let now_us = namespace.clock_us;
    refuse(&mut namespace, &path, &[2], now_us);
    assert_eq!(trail(&mut namespace).len(), 7);
}

/// A history in which every kind of entry about a bucket is told, and the trail is read and trimmed.
pub(crate) fn story() -> Trace {
    let mut namespace = Namespace::new(LIMITS);
    let (path, other) = (path_of(&namespace, "acme"), path_of(&namespace, "globex"));
    granted(&mut namespace, &path, 1);
    granted(&mut namespace, &other, 1);
    for remaining in [3, 2, 1] {
        namespace.clock_us += 1;
        let granted_at_us = namespace.clock_us;
        namespace.clock_us += 1;
        lower(&mut namespace, "globex", granted_at_us, remaining);
        refuse(&mut namespace, &path, &[2], granted_at_us);
    }
    namespace.failover();
    granted(&mut namespace, &other, 1);
    sweep_later(&mut namespace);
    trail(&mut namespace);
    let newest = AuditRead {
        first: None,
        last: None,
        count: 2,
        order: AuditOrder::NewestFirst,
        streams: Streams::All,
    };
    namespace.ask(Script::AUDIT, newest.encode());
    namespace.clock_us += KEPT_US + SECOND_US;
    sweep_later(&mut namespace);
    trail(&mut namespace);
    refuse(&mut namespace, &path, &[2], 0);
    refuse(&mut namespace, &path, &[2], 0);
    sweep_later(&mut namespace);
    namespace.trace
}

/// All of this is the same on every server, to the byte.
#[test]
fn every_server_tells_the_same() -> Result<()> {
    Twin::all_agree_on(&story())
}
