//! Which replicas share a namespace: what they announce, and how they are forgotten.

use anyhow::{Result, ensure};
use tollgate::engine::{Announce, ReplicaRow, ReplicasRead, ReplicasReply, Reply, Script};

use crate::mutants::{self, Story};
use crate::namespace::{BEGINNING_US, Namespace};
use crate::program::Programs;
use crate::trace::Trace;
use crate::twin::Twin;

const SECOND_US: u64 = 1_000_000;
const KEPT_US: u64 = 300 * SECOND_US;
const LIMITS: &str = "limit = [{ name = \"org\", per = [\"org\"], rate = \"1/s\" }]";

pub(crate) fn announce(id: &str) -> Announce<'_> {
    Announce { id, ends: false, host: "web-1", process: 7, version: "0.1.0", fence: "1-x", waiting: 3 }
}

fn says(namespace: &mut Namespace, announce: &Announce<'_>) -> bool {
    match Announce::decode(&namespace.ask(Script::ANNOUNCE, announce.encode())) {
        Ok(Reply::Done(is_noted)) => is_noted,
        other => panic!("{other:?}"),
    }
}

fn read(namespace: &mut Namespace) -> ReplicasReply {
    match ReplicasRead::decode(&namespace.ask(Script::REPLICAS, ReplicasRead.encode())) {
        Ok(Reply::Done(reply)) => reply,
        other => panic!("{other:?}"),
    }
}

fn ids(reply: &ReplicasReply) -> Vec<&str> {
    reply.replicas.iter().map(|replica| replica.id.as_str()).collect()
}

fn fields(namespace: &Namespace) -> usize {
    namespace.lab.state().state.iter().filter(|(field, _)| field.starts_with(b"r:")).count()
}

/// Two replicas in one field and one in another: seen, renewed, ended, forgotten.
fn told(programs: &Programs) -> Result<Namespace> {
    let mut namespace = Namespace::under(programs, LIMITS);
    ensure!(read(&mut namespace).replicas.is_empty());
    for id in ["0a", "0b", "fa"] {
        ensure!(says(&mut namespace, &announce(id)));
    }
    let reply = read(&mut namespace);
    ensure!(ids(&reply) == ["0a", "0b", "fa"] && !reply.is_full, "{reply:?}");
    ensure!(
        (reply.now_us, reply.fence.as_str(), reply.since_us) == (BEGINNING_US, namespace.fence(), 0),
        "{reply:?}"
    );
    let text = str::to_owned;
    let row = ReplicaRow {
        id: text("0a"),
        since_us: BEGINNING_US,
        seen_us: BEGINNING_US,
        host: text("web-1"),
        process: 7,
        version: text("0.1.0"),
        fence: text("1-x"),
        waiting: 3,
    };
    ensure!(reply.replicas[0] == row, "{reply:?}");

    namespace.clock_us += 30 * SECOND_US;
    ensure!(says(&mut namespace, &Announce { fence: "2-y", waiting: 0, ..announce("0a") }));
    let reply = read(&mut namespace);
    let renewed = reply.replicas.iter().find(|replica| replica.id == "0a");
    let expected = ReplicaRow { seen_us: namespace.clock_us, fence: text("2-y"), waiting: 0, ..row };
    ensure!(renewed == Some(&expected) && reply.replicas.len() == 3, "{reply:?}");

    // One that is killed is told until it runs out, and not a microsecond longer; one that says so is gone at once.
    ensure!(says(&mut namespace, &Announce { ends: true, ..announce("fa") }));
    ensure!(ids(&read(&mut namespace)) == ["0b", "0a"]);
    namespace.clock_us = BEGINNING_US + KEPT_US;
    ensure!(ids(&read(&mut namespace)) == ["0b", "0a"]);
    namespace.clock_us += 1;
    ensure!(ids(&read(&mut namespace)) == ["0a"]);
    Ok(namespace)
}

/// Nothing is left of replicas that live no more, whoever sweeps; of one that comes back it is told that it is new.
fn forgotten(programs: &Programs) -> Result<()> {
    let mut namespace = told(programs)?;
    ensure!(fields(&namespace) == 2);
    namespace.sweep();
    ensure!(fields(&namespace) == 1, "the one that has ended is swept, and the one that lives is not");
    // Who has run out is left out with the next word of another one of the field.
    let before = namespace.lab.state();
    ensure!(says(&mut namespace, &Announce { fence: "2-y", waiting: 0, ..announce("0a") }));
    let length = |state: &crate::lab::State| state.get("r:0").map(<[u8]>::len);
    ensure!(length(&namespace.lab.state()) < length(&before), "it has grown");
    namespace.clock_us += KEPT_US + 1;
    namespace.sweep();
    ensure!(fields(&namespace) == 0 && read(&mut namespace).replicas.is_empty());
    ensure!(says(&mut namespace, &announce("0a")));
    ensure!(read(&mut namespace).replicas[0].since_us == namespace.clock_us);
    Ok(())
}

/// More than a field takes: the others are not noted, and it is told that there may be some. There is room again when
/// some have gone.
fn bounded(programs: &Programs) -> Result<()> {
    let mut namespace = Namespace::under(programs, LIMITS);
    for replica in 0..130 {
        let id = format!("0{replica:x}");
        ensure!(says(&mut namespace, &announce(&id)) == (replica < 128), "{replica}");
    }
    let reply = read(&mut namespace);
    ensure!(reply.is_full && reply.replicas.len() == 128, "{}", reply.replicas.len());
    let length = namespace.lab.state().get("r:0").map(<[u8]>::len).unwrap_or_default();
    ensure!(length < 16_384, "{length} bytes");
    // One that is noted goes on to be.
    ensure!(says(&mut namespace, &announce("00")));
    ensure!(says(&mut namespace, &Announce { ends: true, ..announce("00") }));
    ensure!(!read(&mut namespace).is_full && says(&mut namespace, &announce("0ff")));
    Ok(())
}

pub(crate) fn story() -> Trace {
    told(&Programs::original()).expect("the story of replicas").trace
}

#[test]
fn replicas_are_told_alike_by_every_server() -> Result<()> {
    Twin::all_agree_on(&story())
}

#[test]
fn nothing_is_left_of_replicas_that_live_no_more() -> Result<()> {
    forgotten(&Programs::original())
}

#[test]
fn no_more_replicas_are_noted_than_there_is_room_for() -> Result<()> {
    bounded(&Programs::original())
}

const STORIES: [(&str, Story); 3] =
    [("told", |programs| told(programs).map(drop)), ("forgotten", forgotten), ("bounded", bounded)];

#[test]
fn every_mutant_of_replicas_is_found_out() -> Result<()> {
    mutants::are_found_out(
        &[
            ("now - rows[r + 2] <= REPLICA_US", "true"),
            ("now - rows[r + 2] <= REPLICA_US", "now - rows[r + 2] < REPLICA_US"),
            ("    since = living[r + 1]\n", ""),
            ("  return #living == 0\n", "  return false\n"),
            ("  return #living == 0\n", "  return true\n"),
            ("#rows < ROWS_MOST * ROW", "true"),
            ("if ends == 0 and told then", "if told then"),
        ],
        &STORIES,
    )
}
