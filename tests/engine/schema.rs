//! Stored records of another version: refused loudly, by every script that reads them, before anything is written.

use std::time::Duration;

use anyhow::{Result, ensure};
use tollgate::embedded::Reply as Raw;
use tollgate::engine::{
    AcquireBatch, AuditRead, BackOff, BatchId, BucketsPage, CallState, Calls, EpisodesPage, Foresee,
    KeysRead, Lower, Peek, PolicyRead, QuotaLeft, ReplicasRead, Report, Script, SettleBatch, Settlement,
    Streams, UsageRead, Versions, WaitersPage,
};
use tollgate::{AuditOrder, Call};

use crate::hold;
use crate::keys;
use crate::lab::State;
use crate::namespace::Namespace;
use crate::replicas;
use crate::twin::Twin;

/// Which scripts read which field of which hash.
const READERS: [(&str, &[&str]); 19] = [
    (
        "head",
        &[
            "acquire",
            "settle",
            "back_off",
            "lower",
            "pause",
            "peek",
            "foresee",
            "list",
            "waiters",
            "announce",
            "replicas",
            "episodes",
            "sweep",
            "policy",
            "key_make",
            "key_revoke",
            "keys",
            "key_touch",
        ],
    ),
    ("changes", &["acquire", "back_off", "lower", "pause", "peek", "foresee", "policy"]),
    (
        "b:org:acme",
        &["acquire", "settle", "back_off", "lower", "pause", "peek", "foresee", "list", "waiters", "sweep"],
    ),
    ("a:r0:0", &["acquire", "sweep"]),
    ("a:r0:s", &["settle", "sweep"]),
    ("p:request", &["acquire", "settle", "sweep"]),
    ("sweep", &["sweep"]),
    ("u:org:acme", &["back_off", "sweep"]),
    ("r:0", &["announce", "replicas", "sweep"]),
    ("c:28333334:org:acme", &["sweep"]),
    ("t:28333335:org:acme", &["acquire", "back_off", "pause", "sweep"]),
    ("e:org:acme", &["acquire", "episodes", "sweep"]),
    ("h:472222", &["sweep", "usage"]),
    ("span", &["sweep", "usage"]),
    ("current", &["policy", "policy_read", "versions"]),
    ("v:2", &["policy_read", "versions"]),
    ("index", &["key_make", "key_revoke", "keys"]),
    ("k:0", &["key_make", "key_revoke", "keys"]),
    ("l:0", &["keys", "key_touch"]),
];

const MINUTE_US: u64 = 60_000_000;

const LIMIT: &str = "limit = [{ name = \"org\", per = [\"org\"], rate = \"1/s\", burst = 9 }]";

/// Records that nobody can have written: of a later version, empty, and a text.
const STRANGE: [(&str, &[u8]); 3] =
    [("a later version", b"\x02\x01\x01"), ("nothing", b""), ("a text", b"\xa1x")];

/// A namespace that has one record of every kind.
fn busy() -> Namespace {
    let mut namespace = Namespace::new(LIMIT);
    run_all(&mut namespace);
    // What was granted is booked in the minute that follows, and put aside in the one after that.
    namespace.clock_us += MINUTE_US;
    namespace.sweep();
    assert_eq!(namespace.acquire(&Call::get("/").org("acme"), 1).entries[0].granted, 1);
    namespace.clock_us += MINUTE_US;
    run_all(&mut namespace);
    // No news any more: it is counted.
    let argument = argument(&mut namespace, "back_off");
    namespace.ask(Script::BACK_OFF, argument);
    // The sweep has work again.
    namespace.clock_us += 10_000_001;
    // Records are of other terms than their buckets, so it counts when the policy was changed.
    namespace.change(&LIMIT.replace("1/s", "2/s"));
    namespace
}

/// Every script but those that end what the others need, and the sweep, which removes what the others write.
fn run_all(namespace: &mut Namespace) {
    for script in Script::ALL {
        if !["policy", "key_revoke", "remove", "sweep"].contains(&script.name()) {
            let argument = argument(namespace, script.name());
            namespace.ask(script, argument);
        }
    }
}

/// What a script is asked that reads every kind of record it can.
fn argument(namespace: &mut Namespace, script: &str) -> Vec<u8> {
    let path = namespace.path(&Call::get("/").org("acme"));
    match script {
        "acquire" => {
            let mut batch = AcquireBatch::default();
            batch.push(&path, Calls::trying(1).named(Some("request".into())));
            batch.report(vec![("org:acme".to_owned(), Report { refused: 1, ..Report::default() })]);
            namespace.argument(&batch)
        }
        "settle" => {
            let mut batch = SettleBatch::default();
            let granted_at_us = namespace.clock_us;
            let settlement =
                Settlement { permit: Some("request".into()), epoch: 0, granted_at_us, call: CallState::Over };
            batch.push([(&path.buckets()[0], -1)], settlement);
            let id = BatchId { answer: "r0:s", number: namespace.trace.runs.len() as u64, server: "server" };
            batch.encode(&id, namespace.policy())
        }
        "peek" => {
            let mut question = Peek::default();
            question.push(&path.buckets()[0]);
            question.encode(namespace.policy(), namespace.fence(), "server")
        }
        "foresee" => {
            let mut question = Foresee::default();
            question.push(Some(&path.buckets()[0]), None);
            question.encode([namespace.policy(); 2], namespace.fence(), "server")
        }
        "back_off" => {
            let mut refused = BackOff::default();
            refused.push(&path.buckets()[0], Duration::from_secs(1));
            refused.encode(namespace.policy(), namespace.fence(), "server")
        }
        "lower" => {
            let mut lower = Lower::granted_in(0, namespace.clock_us);
            lower.push(&path.buckets()[0], QuotaLeft { owed: 0, remaining: 0, resets_in: None });
            lower.encode(namespace.policy(), namespace.fence(), "server")
        }
        "pause" => hold::argument(namespace, &path, 1),
        "list" => BucketsPage { cursor: "0", limit: None }.encode(),
        "waiters" => WaitersPage { cursor: "0", limit: None }.encode(),
        "announce" => replicas::announce("00").encode(),
        "replicas" => ReplicasRead.encode(),
        "episodes" => EpisodesPage { cursor: "0", limit: None }.encode(),
        "sweep" => namespace.sweeping(),
        "audit" => AuditRead {
            first: None,
            last: None,
            count: 1,
            order: AuditOrder::OldestFirst,
            streams: Streams::All,
        }
        .encode(),
        "policy" => namespace.write(),
        "versions" => Versions { most: 100 }.encode(),
        "usage" => {
            UsageRead { hours: true, first: namespace.clock_us / (60 * MINUTE_US), count: 1, limit: None }
                .encode()
        }
        "key_make" => keys::make("0", "admin").encode(),
        "key_revoke" => keys::revoke("0").encode(),
        "keys" => KeysRead::default().encode(),
        "key_touch" => keys::touch(&["0"]),
        _ => PolicyRead(None).encode(),
    }
}

/// Puts each strange record in the place of each kind of record and asks every script that reads it, embedded and on
/// every server version.
#[test]
fn a_record_of_another_version_is_refused_by_name_and_nothing_is_written() -> Result<()> {
    let mut namespace = busy();
    let sound = namespace.lab.state();
    for (field, readers) in READERS {
        for (what, record) in STRANGE {
            let state = with(&sound, field, record);
            for reader in readers {
                namespace.replace(&state);
                let script = *Script::ALL.iter().find(|script| script.name() == *reader).expect("a script");
                let argument = argument(&mut namespace, reader);
                let reply = namespace.run(script, argument);
                let told = matches!(&reply, Raw::Error(text) if text.starts_with("SCHEMA ") && text.contains(&format!("'{field}'")));
                ensure!(told, "{reader}, where {field} is {what}, answered {reply:?}");
                ensure!(namespace.lab.state() == state, "{reader}, where {field} is {what}, has written");
            }
        }
    }
    Twin::all_agree_on(&namespace.trace)
}

fn with(sound: &State, field: &str, record: &[u8]) -> State {
    let mut state = sound.clone();
    let (known, value) = state
        .state
        .iter_mut()
        .chain(&mut state.policy)
        .chain(&mut state.usage)
        .chain(&mut state.keys)
        .find(|(known, _)| known == field.as_bytes())
        .unwrap_or_else(|| panic!("no {field} in a busy namespace"));
    assert!(!known.is_empty());
    *value = record.to_vec();
    state
}
