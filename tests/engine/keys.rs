//! API keys: made up to the most, read again only when they have changed, used, revoked, and told in the audit trail.

use std::fmt::Write;

use anyhow::{Result, ensure};
use tollgate::engine::{
    KeyMake, KeyMakeReply, KeyRevoke, KeyTouch, KeysRead, KeysReply, Remove, Reply, Script,
};
use tollgate::{AuditEvent, Change};

use crate::audit::{SECOND_US, kinds, trail};
use crate::lab::State;
use crate::namespace::Namespace;
use crate::program::Programs;
use crate::trace::Trace;
use crate::twin::Twin;

/// As many as there may be.
const MOST: usize = 1_000;

/// A key that can be made; its digest follows from its id.
pub(crate) fn make(id: &str, role: &str) -> KeyMake {
    KeyMake {
        id: id.to_owned(),
        digest: format!("digest of {id}"),
        role: role.to_owned(),
        label: format!("label of {id}"),
        expires_at_us: 0,
        tag: format!("made {id}"),
        change: Change { author: "ann".to_owned(), reason: "to look".to_owned() },
        replica: "r0".to_owned(),
    }
}

/// The end of a key.
pub(crate) fn revoke(id: &str) -> KeyRevoke {
    KeyRevoke {
        id: id.to_owned(),
        tag: format!("revoked {id}"),
        change: Change { author: "bob".to_owned(), reason: "lost".to_owned() },
        replica: "r1".to_owned(),
    }
}

/// The argument that says that keys were used.
pub(crate) fn touch(ids: &[&str]) -> Vec<u8> {
    let ids: Vec<String> = ids.iter().map(|&id| id.to_owned()).collect();
    KeyTouch { ids: &ids }.encode()
}

fn made(namespace: &mut Namespace, make: &KeyMake) -> KeyMakeReply {
    match KeyMake::decode(&namespace.ask(Script::KEY_MAKE, make.encode())) {
        Ok(Reply::Done(reply)) => reply,
        other => panic!("a key was answered {other:?}"),
    }
}

fn revoked(namespace: &mut Namespace, id: &str) -> bool {
    match KeyRevoke::decode(&namespace.ask(Script::KEY_REVOKE, revoke(id).encode())) {
        Ok(Reply::Done(reply)) => reply,
        other => panic!("the end of a key was answered {other:?}"),
    }
}

fn touched(namespace: &mut Namespace, ids: &[&str]) -> u64 {
    match KeyTouch::decode(&namespace.ask(Script::KEY_TOUCH, touch(ids))) {
        Ok(Reply::Done(noted)) => noted,
        other => panic!("a use was answered {other:?}"),
    }
}

fn read(namespace: &mut Namespace, known: Option<&str>) -> KeysReply {
    let read = KeysRead { known: known.map(str::to_owned) };
    match KeysRead::decode(&namespace.ask(Script::KEYS, read.encode())) {
        Ok(Reply::Done(reply)) => reply,
        other => panic!("a question for keys was answered {other:?}"),
    }
}

/// What was written by a script that must not write.
fn unchanged(namespace: &Namespace, before: &State) -> Result<()> {
    ensure!(namespace.lab.state() == *before, "something was written");
    Ok(())
}

/// A life of two keys, from the first one, which has to be an admin's, to the end of both.
fn life(programs: &Programs) -> Result<Namespace> {
    let mut namespace = Namespace::under(programs, "");
    let none = read(&mut namespace, None);
    ensure!(none.tag.is_empty() && none.keys.is_empty(), "{none:?}");
    // Whoever knows keys has an index written where there is none, once, that all others find.
    for known in [Some("gone"), Some("lost"), Some("gone"), None] {
        let lost = read(&mut namespace, known);
        ensure!(lost.tag == "lost" && lost.keys.is_empty(), "{known:?}: {lost:?}");
    }
    let before = namespace.lab.state();
    ensure!(made(&mut namespace, &make("a", "operator")) == KeyMakeReply::NoAdmin);
    unchanged(&namespace, &before)?;

    let begun_us = namespace.clock_us;
    ensure!(made(&mut namespace, &make("a", "admin")) == KeyMakeReply::Made(begun_us));
    let after = namespace.lab.state();
    namespace.clock_us += SECOND_US;
    let again = made(&mut namespace, &make("a", "admin"));
    ensure!(matches!(again, KeyMakeReply::Made(_)), "the same again after a lost answer: {again:?}");
    let other = KeyMake { digest: "another".to_owned(), ..make("a", "admin") };
    ensure!(made(&mut namespace, &other) == KeyMakeReply::Taken);
    unchanged(&namespace, &after)?;

    let now_us = namespace.clock_us;
    let past = KeyMake { expires_at_us: now_us, ..make("b", "viewer") };
    ensure!(made(&mut namespace, &past) == KeyMakeReply::Past(now_us));
    unchanged(&namespace, &after)?;
    let ending = KeyMake { expires_at_us: now_us + 1, ..make("b", "viewer") };
    ensure!(made(&mut namespace, &ending) == KeyMakeReply::Made(now_us));

    let both = read(&mut namespace, None);
    ensure!((both.tag.as_str(), both.now_us) == ("made b", now_us), "{both:?}");
    let ids: Vec<&str> = both.keys.iter().map(|key| key.id.as_str()).collect();
    ensure!(ids == ["a", "b"], "{both:?}");
    let (first, second) = (&both.keys[0], &both.keys[1]);
    ensure!((first.digest.as_str(), first.role.as_str()) == ("digest of a", "admin"), "{first:?}");
    ensure!((first.label.as_str(), first.author.as_str()) == ("label of a", "ann"), "{first:?}");
    ensure!((first.made_at_us, first.expires_at_us, first.used_at_us) == (begun_us, 0, 0), "{first:?}");
    ensure!((second.made_at_us, second.expires_at_us) == (now_us, now_us + 1), "{second:?}");
    ensure!(read(&mut namespace, Some("made b")).keys.is_empty(), "they are known");
    ensure!(read(&mut namespace, Some("made a")).keys.len() == 2, "they have changed");

    namespace.clock_us += SECOND_US;
    let used_us = namespace.clock_us;
    ensure!(touched(&mut namespace, &["a", "gone"]) == 1);
    namespace.clock_us -= SECOND_US / 2;
    ensure!(touched(&mut namespace, &["a"]) == 1, "by a clock that is behind");
    ensure!(read(&mut namespace, None).keys[0].used_at_us == used_us, "the last use is the last one");
    ensure!(read(&mut namespace, Some("made b")).keys.is_empty(), "a use changes no key");

    let before = namespace.lab.state();
    ensure!(!revoked(&mut namespace, "gone"));
    unchanged(&namespace, &before)?;
    ensure!(revoked(&mut namespace, "a") && !revoked(&mut namespace, "a"));
    ensure!(namespace.lab.state().keys.len() == 2, "what is left is the index and a key");
    ensure!(touched(&mut namespace, &["a"]) == 0, "who is gone is used no more");
    ensure!(revoked(&mut namespace, "b"));
    let left = read(&mut namespace, Some("made b"));
    ensure!(left.tag == "revoked b" && left.keys.is_empty(), "keys are asked for all the same: {left:?}");
    told(&mut namespace)?;
    Ok(namespace)
}

/// Who made and revoked what, and no secret.
fn told(namespace: &mut Namespace) -> Result<()> {
    let told = trail(namespace);
    ensure!(kinds(&told) == ["policy", "key", "key", "revoked", "revoked"], "{told:?}");
    let made = AuditEvent::KeyMade {
        id: "a".to_owned(),
        role: "admin".to_owned(),
        label: "label of a".to_owned(),
        expires_at_us: 0,
        author: "ann".to_owned(),
        reason: "to look".to_owned(),
        replica: "r0".to_owned(),
    };
    ensure!(told[1].event == made, "{told:?}");
    let revoked = AuditEvent::KeyRevoked {
        id: "b".to_owned(),
        role: "viewer".to_owned(),
        label: "label of b".to_owned(),
        author: "bob".to_owned(),
        reason: "lost".to_owned(),
        replica: "r1".to_owned(),
    };
    ensure!(told[4].event == revoked, "{told:?}");
    let stored = format!("{:?}", namespace.lab.state().audit);
    ensure!(!stored.contains("digest of"), "{stored}");
    Ok(())
}

/// As many as there may be, and not one more; one that is revoked makes room.
fn most(programs: &Programs) -> Result<Namespace> {
    let mut namespace = Namespace::under(programs, "");
    for number in 0..MOST {
        let reply = made(&mut namespace, &make(&number.to_string(), "admin"));
        ensure!(matches!(reply, KeyMakeReply::Made(_)), "{number}: {reply:?}");
    }
    let before = namespace.lab.state();
    ensure!(made(&mut namespace, &make("more", "admin")) == KeyMakeReply::TooMany);
    unchanged(&namespace, &before)?;
    let all: Vec<String> = (0..MOST).map(|number| number.to_string()).collect();
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    ensure!(touched(&mut namespace, &all) == MOST as u64);
    let listed = read(&mut namespace, None);
    ensure!(listed.keys.len() == MOST && listed.keys.iter().all(|key| key.used_at_us > 0));
    ensure!(revoked(&mut namespace, "500"));
    ensure!(matches!(made(&mut namespace, &make("more", "viewer")), KeyMakeReply::Made(_)));
    let listed = read(&mut namespace, None);
    ensure!(listed.keys[500].id == "501" && listed.keys[MOST - 1].id == "more");
    Ok(namespace)
}

/// The life of keys, and then of another one that stays, for whoever looks at what is stored.
pub(crate) fn story() -> Trace {
    let mut namespace = life(&Programs::original()).expect("a life of keys");
    let ending = KeyMake { expires_at_us: namespace.clock_us + SECOND_US, ..make("c", "admin") };
    made(&mut namespace, &ending);
    touched(&mut namespace, &["c"]);
    namespace.trace
}

#[test]
fn keys_live_from_the_first_to_the_last() -> Result<()> {
    life(&Programs::original()).map(drop)
}

#[test]
fn there_are_no_more_keys_than_there_may_be() -> Result<()> {
    most(&Programs::original()).map(drop)
}

/// Every server answers and stores the same, with as many keys as there may be too.
#[test]
fn servers_and_the_embedded_engine_keep_the_same_keys() -> Result<()> {
    for twin in &mut Twin::start_every_version()? {
        for (trace, every_step) in [(story(), true), (most(&Programs::original())?.trace, false)] {
            twin.agrees_on(&trace, every_step)?;
        }
    }
    Ok(())
}

/// Keys can be made before there is a policy, and go with their namespace.
#[test]
fn keys_come_before_the_policy_and_go_with_the_namespace() -> Result<()> {
    let mut namespace = Namespace::new("");
    namespace.ask(Script::REMOVE, Remove.encode());
    ensure!(namespace.lab.dump().is_empty());
    ensure!(matches!(made(&mut namespace, &make("a", "admin")), KeyMakeReply::Made(_)));
    ensure!(touched(&mut namespace, &["a"]) == 1 && read(&mut namespace, None).keys.len() == 1);
    let argument = namespace.write();
    namespace.ask(Script::POLICY, argument);
    ensure!(read(&mut namespace, None).keys.len() == 1, "a policy leaves them alone");
    namespace.ask(Script::REMOVE, Remove.encode());
    ensure!(namespace.lab.dump().is_empty(), "{:?}", namespace.lab.dump());
    Ok(())
}

/// Changes for the worse: the text that another text replaces in every script that has it.
const MUTANTS: [(&str, &str); 11] = [
    ("if #index.ids >= KEYS_MOST then", "if #index.ids > KEYS_MOST then"),
    ("if #index.ids == 0 and role ~= \"admin\" then return pack({OK, NO_ADMIN, now}) end\n", ""),
    ("expires <= now then", "expires < now then"),
    ("known == digest and MADE or TAKEN", "MADE"),
    ("pack(SCHEMA, max(used, now))", "pack(SCHEMA, now)"),
    (
        "redis.call(\"HDEL\", KEYS[2], key_field(id), use_field(id))",
        "redis.call(\"HDEL\", KEYS[2], key_field(id))",
    ),
    ("table.remove(index.ids, place)", "table.remove(index.ids)"),
    ("if index.tag == known or", "if known ~= \"-\" or"),
    ("if index.tag == \"\" and known ~= \"-\" then", "if index.tag == \"\" then"),
    ("if index.tag == \"\" and known ~= \"-\" then", "if known ~= \"-\" then"),
    ("  if records[2 * i - 1] then\n", "  if true then\n"),
];

/// The stories are worth telling: each mutant makes one of them come out differently.
#[test]
fn every_mutant_of_the_keys_is_found_out() -> Result<()> {
    let mut survived = String::new();
    for (text, becomes) in MUTANTS {
        let original = Programs::original();
        ensure!(original.all().iter().any(|program| program.source.contains(text)), "{text:?} is nowhere");
        let programs = Programs::edited(|_, source| source.replace(text, becomes));
        // A script that fails ends the story, as a panic of the namespace.
        let told = std::panic::catch_unwind(|| life(&programs).and(most(&programs)).map(drop));
        if matches!(told, Ok(Ok(()))) {
            let _ = writeln!(survived, "{text}");
        }
    }
    ensure!(survived.is_empty(), "these survived:\n{survived}");
    Ok(())
}
