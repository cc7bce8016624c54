//! The suite against hosts with one deliberate mistake each: it must see every one.

use crate::cases::Effort;
use crate::pair::Pair;
use crate::{blobs, commands, probes};

/// A mistake: what it is, and the Lua that makes it of an honest `reply` to the command in `...`.
const WRONG_REPLIES: &[(&str, &str)] = &[
    ("a missing field is nil, not false", "if reply == false then return nil end"),
    (
        "HSET counts fields that were there",
        "if is('HSET') and count then return (select('#', ...) - 2) / 2 end",
    ),
    (
        "HDEL counts fields that were not there",
        "if is('HDEL') and count then return select('#', ...) - 2 end",
    ),
    (
        "HDEL empties the hash",
        "if is('HDEL') and count and count > 0 then honest.call('DEL', (select(2, ...))) end",
    ),
    ("HSCAN forgets its last field", "if is('HSCAN') and page then page[#page] = nil page[#page] = nil end"),
    ("HSCAN gives its cursor as a number", "if is('HSCAN') and page then reply[1] = tonumber(reply[1]) end"),
    ("an error loses its code", "if complaint then return {err = (string.gsub(complaint, '^ERR ', ''))} end"),
    (
        "a wrong number of arguments passes",
        "if complaint and string.find(complaint, 'number of arg') then return 0 end",
    ),
    ("XADD answers what it was asked", "if is('XADD') and type(reply) == 'string' then return 'OK' end"),
    (
        "XRANGE and XREVRANGE forget their last entry",
        "if (is('XRANGE') or is('XREVRANGE')) and type(reply) == 'table' and not complaint then reply[#reply] = nil end",
    ),
    ("XTRIM removes nothing, as it says", "if is('XTRIM') and count then return 0 end"),
    (
        "a hash will do for a stream",
        "if complaint and string.find(complaint, '^WRONGTYPE') then return 0 end",
    ),
    ("a wrong cursor is 0", "if complaint == 'ERR invalid cursor' then return {'0', {}} end"),
];

/// The same for blobs.
const WRONG_BLOBS: &[(&str, &str)] = &[
    (
        "bytes are written as 16 bits",
        "pack = function(...) return (string.gsub(honest.pack(...), '\\204', '\\205\\0')) end",
    ),
    (
        "the empty table is a map",
        "pack = function(...) return (string.gsub(honest.pack(...), '^\\144$', '\\128')) end",
    ),
    (
        "what is missing is nil",
        "unpack = function(...) local all = {pcall(honest.unpack, ...)} \
         if all[1] then return unpack(all, 2) end end",
    ),
    ("only the first value is read", "unpack = function(...) return (honest.unpack(...)) end"),
];

/// Goal: a green suite means something. Method: each mistake is put into the host in front of every script; probes
/// and fuzz must both fail on it, for each is there to catch what the other misses.
#[test]
fn every_deliberate_mistake_is_seen_by_probes_and_by_fuzz() {
    let replies = WRONG_REPLIES.iter().map(|(name, mistake)| (*name, with_wrong_reply(mistake)));
    let blobs = WRONG_BLOBS.iter().map(|(name, mistake)| (*name, with_wrong_blob(mistake)));
    for (name, prefix) in replies.chain(blobs) {
        assert!(seen_by_probes(&prefix), "no probe sees: {name}");
        assert!(seen_by_fuzz(&prefix), "no fuzz sees: {name}");
    }
}

/// Without a mistake the same wrapper goes unseen: it is the mistakes that are seen.
#[test]
fn an_honest_host_behind_the_same_wrapper_is_not_seen_by_the_fuzz() {
    let pair = Pair::with_host_prefix(with_wrong_reply(""));
    commands::compare(pair, Effort::brief()).unwrap_or_else(|difference| panic!("{difference}"));
}

fn seen_by_probes(prefix: &str) -> bool {
    let mut pair = Pair::with_host_prefix(prefix.to_owned());
    probes::all().any(|probe| {
        pair.flush();
        pair.check(probe, &probes::ARGS).is_err()
    })
}

fn seen_by_fuzz(prefix: &str) -> bool {
    let start = || Pair::with_host_prefix(prefix.to_owned());
    commands::compare(start(), Effort::brief()).is_err()
        || blobs::compare_packing(start(), Effort::brief()).is_err()
        || blobs::compare_reading(start(), Effort::brief()).is_err()
}

fn with_wrong_reply(mistake: &str) -> String {
    format!(
        "local honest = redis local function wrong(reply, ...) local name = ... \
         local function is(other) return type(name) == 'string' and string.upper(name) == other end \
         local count, complaint = type(reply) == 'number' and reply, type(reply) == 'table' and reply.err \
         local page = type(reply) == 'table' and type(reply[2]) == 'table' and reply[2] \
         {mistake} return reply end \
         local redis = {{error_reply = honest.error_reply, status_reply = honest.status_reply, \
         call = function(...) return wrong(honest.call(...), ...) end, \
         pcall = function(...) return wrong(honest.pcall(...), ...) end}} "
    )
}

fn with_wrong_blob(mistake: &str) -> String {
    format!(
        "local honest = cmsgpack local cmsgpack = {{pack = honest.pack, unpack = honest.unpack}} \
         cmsgpack.{mistake} "
    )
}
