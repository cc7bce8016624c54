//! Any commands with any arguments: those that make sense, and others.

use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, prop_oneof};
use proptest::sample::select;

use crate::cases::{Effort, explore};
use crate::lua;
use crate::pair::Pair;

/// Stays a small hash, whose order `HSCAN` shows.
const COMPACT: &str = "KEYS[1]";
/// May become a large one, whose order is Redis's own business: read through `scan_all` alone.
const MIXED: &str = "KEYS[2]";

/// A stream, unless a hash is made of it.
const STREAM: &str = "KEYS[3]";

/// All of a hash, whatever pages it comes in, sorted.
const SCAN_ALL: &str = "local function scan_all(key) local seen, cursor = {}, '0' repeat \
    local page = redis.call('HSCAN', key, cursor, 'COUNT', 3) cursor = page[1] \
    for i = 1, #page[2], 2 do seen[#seen + 1] = page[2][i] .. '=' .. page[2][i + 1] end \
    until cursor == '0' table.sort(seen) return seen end ";

const FIELD_COMMANDS: &[&str] =
    &["HSET", "HSET", "HSET", "hset", "HGET", "HMGET", "HDEL", "HdEl", "HLEN", "HEXISTS"];

/// Of Lua.
type Expression = String;

/// Goal: any command, with any arguments, does the same on both. Method: scripts of a dozen commands through
/// `redis.pcall`, so that errors are values; all replies compared raw, then all keys.
#[test]
fn any_commands_with_any_arguments_do_the_same_on_both() {
    compare(Pair::start(), Effort::full()).unwrap_or_else(|difference| panic!("{difference}"));
}

pub(crate) fn compare(pair: Pair, effort: Effort) -> Result<(), String> {
    explore(pair, effort, &script(), |pair, script| {
        pair.flush();
        pair.check(&script, &[])
    })
}

/// A script that runs commands one after the other and returns all their replies.
fn script() -> impl Strategy<Value = String> {
    let step = prop_oneof![
        8 => command(FIELD_COMMANDS, key(COMPACT), short_text()),
        8 => command(FIELD_COMMANDS, key(MIXED), text()),
        4 => scan(),
        1 => whole_keys(),
        6 => stream(),
        1 => Just(format!("scan_all({MIXED})")),
    ];
    vec(step, 1..14).prop_map(|steps| format!("{SCAN_ALL}return {{{}}}", lua::list(&steps)))
}

/// A command on `key`, followed by what it may take and now and then by what it may not.
fn command(
    names: &'static [&'static str],
    key: impl Strategy<Value = Expression>,
    argument: impl Strategy<Value = Expression>,
) -> impl Strategy<Value = Expression> {
    let arguments = vec(prop_oneof![15 => argument, 1 => junk()], 0..7);
    (select(names), key, arguments).prop_map(|(name, key, arguments)| {
        let arguments = [vec![format!("'{name}'"), key], arguments].concat();
        format!("redis.pcall({})", lua::list(&arguments))
    })
}

fn scan() -> impl Strategy<Value = Expression> {
    let cursor = prop_oneof![
        3 => Just("'0'".to_owned()),
        1 => literal(&[b"", b"5", b"-1", b"+1", b" 1", b"1 ", b"x", b"1\0x", b"18446744073709551616", b"--1"]),
        1 => junk(),
    ];
    let pattern = vec(select(b"aab*?[]^-\\\0\xff".as_slice()), 0..6).prop_map(|bytes| lua::string(&bytes));
    let matching = pattern.prop_map(|pattern| format!("'MATCH', {pattern}"));
    let counting = prop_oneof![
        2 => literal(&[b"1", b"10", b"1000000"]),
        1 => literal(&[b"0", b"-1", b"01", b"+1", b"", b"1.5", b"9223372036854775808"]),
        1 => junk(),
    ]
    .prop_map(|count| format!("'count', {count}"));
    let option = prop_oneof![
        6 => matching,
        3 => counting,
        1 => literal(&[b"COUNT", b"match", b"count\0x", b"NOVALUES", b"TYPE"]),
    ];
    (key(COMPACT), cursor, vec(option, 0..3)).prop_map(|(key, cursor, options)| {
        format!("redis.pcall({})", lua::list(&[vec!["'HSCAN'".to_owned(), key, cursor], options].concat()))
    })
}

/// Ids that are given, and exact trimming: the rest is refused.
fn stream() -> impl Strategy<Value = Expression> {
    let key = || prop_oneof![20 => Just(STREAM.to_owned()), 1 => Just(COMPACT.to_owned()), 1 => Just("{}".to_owned())];
    let trim = || {
        let most =
            prop_oneof![4 => literal(&[b"0", b"1", b"3", b"100"]), 1 => literal(&[b"-1", b"x", b"01", b""])];
        let maxlen = (select(vec!["MAXLEN", "maxlen"]), most);
        let minid = (select(vec!["MINID", "MinId"]), id());
        prop_oneof![
            3 => maxlen.prop_map(|(name, most)| format!("'{name}', '=', {most}")),
            1 => minid.prop_map(|(name, id)| format!("'{name}', '=', {id}")),
        ]
    };
    let add = (key(), trim(), id(), vec(short_text(), 0..5)).prop_map(|(key, trim, id, fields)| {
        format!("redis.pcall({})", lua::list(&[vec!["'XADD'".to_owned(), key, trim, id], fields].concat()))
    });
    let cut = (key(), trim()).prop_map(|(key, trim)| format!("redis.pcall('XTRIM', {key}, {trim})"));
    let end = || prop_oneof![2 => literal(&[b"-", b"+"]), 3 => id(), 2 => id().prop_map(|id| format!("'(' .. {id}"))];
    let option = prop_oneof![3 => literal(&[b"0", b"1", b"2", b"-1"]), 1 => literal(&[b"x", b"1.5", b"01"])];
    let option = prop_oneof![
        6 => option.prop_map(|count| format!("'CoUnT', {count}")),
        1 => literal(&[b"COUNT", b"count\0x", b"LIMIT"]),
    ];
    let range = (select(vec!["XRANGE", "XREVRANGE"]), key(), end(), end(), vec(option, 0..3));
    let range = range.prop_map(|(name, key, one, other, options)| {
        let arguments = [vec![format!("'{name}'"), key, one, other], options].concat();
        format!("redis.pcall({})", lua::list(&arguments))
    });
    prop_oneof![6 => add, 2 => cut, 4 => range, 1 => Just(format!("redis.pcall('HSET', {STREAM}, 'a', 'b')"))]
}

/// An id, or what is none.
fn id() -> impl Strategy<Value = Expression> {
    prop_oneof![
        12 => (0_u64..4, 0_u64..4).prop_map(|(ms, sequence)| format!("'{ms}-{sequence}'")),
        3 => literal(&[b"0", b"2", b"5", b"18446744073709551615", b"18446744073709551615-18446744073709551615"]),
        2 => literal(&[b"", b"x", b"1-", b"-1", b"1-x", b"1-1-1", b"$", b"18446744073709551616", b"--"]),
    ]
}

fn whole_keys() -> impl Strategy<Value = Expression> {
    let keys = vec(select(vec![COMPACT, MIXED, "nil", "{}"]).prop_map(str::to_owned), 0..3);
    (select(vec!["DEL", "EXISTS", "exists"]), keys).prop_map(|(name, keys)| {
        format!("redis.pcall({})", lua::list(&[vec![format!("'{name}'")], keys].concat()))
    })
}

/// A key that is declared, or nothing that could be one.
fn key(good: &'static str) -> impl Strategy<Value = Expression> {
    prop_oneof![20 => Just(good.to_owned()), 1 => select(vec!["{}", "nil", "true"]).prop_map(str::to_owned)]
}

fn text() -> impl Strategy<Value = Expression> {
    let long = select(vec![64, 65, 300]).prop_map(|length| format!("string.rep('x', {length})"));
    prop_oneof![4 => short_text(), 1 => long]
}

/// Few, so that they meet; and of the stuff that patterns are made of.
fn short_text() -> impl Strategy<Value = Expression> {
    let any = vec(select(b"ab-]*\\\0\xff".as_slice()), 0..4).prop_map(|bytes| lua::string(&bytes));
    prop_oneof![3 => literal(&[b"", b"a", b"b", b"ab", b"0", b"field"]), 1 => any]
}

/// What has no place among arguments, or only looks as if it had.
fn junk() -> impl Strategy<Value = Expression> {
    select(vec!["0", "1", "-1", "9007199254740992", "true", "false", "nil", "{}", "{'x'}", "tostring"])
        .prop_map(str::to_owned)
}

fn literal(texts: &'static [&'static [u8]]) -> impl Strategy<Value = Expression> {
    select(texts).prop_map(lua::string)
}
