//! What Redis accepts and the host refuses, all of it: the difference is wanted, and always loud.

use tollgate::embedded::{Reply, ScriptError};

use crate::pair::Pair;
use crate::probes::ARGS;

/// A script, and the start of what the host says of it.
const REFUSED: &[(&str, &str)] = &[
    ("return redis.call('GET', KEYS[1])", "the embedded engine has no command GET"),
    ("return redis.call('HGETALL', KEYS[1])", "the embedded engine has no command HGETALL"),
    ("return redis.call('EXPIRE', KEYS[1], 1)", "the embedded engine has no command EXPIRE"),
    ("return redis.call('XLEN', KEYS[3])", "the embedded engine has no command XLEN"),
    ("return redis.call('XADD', KEYS[3], '1-1', 'a', 'b')", "trimming that is about right"),
    (
        "return redis.call('XADD', KEYS[3], 'MAXLEN', '=', 5, '*', 'a', 'b')",
        "XADD with an id that the server makes",
    ),
    (
        "return redis.call('XADD', KEYS[3], 'MAXLEN', '=', 5, '1-*', 'a', 'b')",
        "XADD with an id that the server makes",
    ),
    ("return redis.call('XADD', KEYS[3], 'MAXLEN', '=', 5, '01-1', 'a', 'b')", "a number in a stream id"),
    ("return redis.call('XADD', KEYS[3], 'MAXLEN', '=', 5, '1\\0x', 'a', 'b')", "a number in a stream id"),
    ("return redis.call('XADD', KEYS[3], 'MAXLEN', '~', 5, '1-1', 'a', 'b')", "trimming that is about right"),
    ("return redis.call('XTRIM', KEYS[3], 'MAXLEN', 5)", "a stream command without"),
    (
        "redis.call('XADD', KEYS[3], 'MAXLEN', '=', 5, '1-1', 'a', 'b') return redis.call('XINFO', 'GROUPS', KEYS[3])",
        "XINFO of anything but a STREAM",
    ),
    ("return redis.call('HGET', 'other', 'x')", "HGET touches the key \"other\""),
    ("return redis.call('DEL', KEYS[1], 'other')", "DEL touches the key \"other\""),
    ("return redis.call('HSET', KEYS[1], 'x', 0.5)", "a number that servers print differently"),
    ("return redis.call('HSET', KEYS[1], 'x', 2^54)", "a number that servers print differently"),
    (
        "local zero = 0 return redis.call('HSET', KEYS[1], 'x', -zero)",
        "a number that servers print differently",
    ),
    ("return cmsgpack.pack(0.5)", "cmsgpack.pack of a number"),
    ("return cmsgpack.pack(2^54)", "cmsgpack.pack of a number"),
    ("return cmsgpack.pack(1/0)", "cmsgpack.pack of a number"),
    ("return cmsgpack.pack({x = 1})", "cmsgpack.pack of a table that is no array"),
    ("return cmsgpack.pack({1, nil, 3})", "cmsgpack.pack of a table that is no array"),
    ("return cmsgpack.pack({1, nil, 3, x = 4})", "cmsgpack.pack of a table that is no array"),
    ("return cmsgpack.pack(tostring)", "cmsgpack.pack of a function"),
    ("local t = {} for _ = 1, 17 do t = {t} end return cmsgpack.pack(t)", "cmsgpack.pack of tables nested"),
    ("return cmsgpack.unpack(5)", "cmsgpack.unpack of a number"),
    ("return cmsgpack.unpack('\\202\\63\\0\\0\\0')", "cmsgpack.unpack of a float"),
    ("return cmsgpack.unpack('\\129\\1\\2')[1]", "cmsgpack.unpack of a map"),
    (
        "return cmsgpack.unpack('\\207\\255\\0\\0\\0\\0\\0\\0\\0')",
        "cmsgpack.unpack of an integer beyond 2^53",
    ),
    ("return cmsgpack.unpack(string.rep('\\145', 17) .. '\\1')", "cmsgpack.unpack of arrays nested"),
    ("return cmsgpack.unpack_one(ARGV[3])", "cmsgpack.unpack_one"),
    ("return math.random()", "math.random"),
    ("return math.sqrt(4)", "math.sqrt"),
    ("return math.missing", "math.missing"),
    ("return string.dump(function() end)", "string.dump"),
    ("return ('x'):gfind('x') ~= nil", "string.gfind"),
    ("return table.getn({})", "table.getn"),
    ("return redis.sha1hex('')", "redis.sha1hex"),
    ("return redis.log(redis.LOG_DEBUG, '')", "redis."),
    ("return cjson.encode({})", "cjson"),
    ("return bit.bor(1, 2)", "bit"),
    ("return rawget({}, 1)", "rawget"),
    ("return setmetatable({}, nil)", "setmetatable"),
    ("return loadstring('return 1')()", "loadstring"),
    ("return _VERSION", "_VERSION"),
];

/// The same, for what a script returns.
const REFUSED_REPLIES: &[(&str, &str)] = &[
    ("return 0/0", "a number in a reply"),
    ("return 1e300", "a number in a reply"),
    ("return {a = 1}", "a table with named entries in a reply"),
    ("return {double = 1.5}", "a table with named entries in a reply"),
    ("return {map = {x = 1}}", "a table with named entries in a reply"),
    ("return tostring", "a function in a reply"),
];

/// Goal: nobody meets a difference they were not told about. Method: each script does something on Redis, and on the
/// host ends with an error that says what it did, also when it tries to swallow that.
#[test]
fn what_the_host_leaves_out_it_refuses_by_name_even_under_pcall() {
    let mut pair = Pair::start();
    for (script, refusal) in REFUSED {
        assert_refused(&mut pair, script, refusal);
        assert_refused(&mut pair, &format!("pcall(function() {script} end) return 'swallowed'"), refusal);
    }
    for (script, refusal) in REFUSED_REPLIES {
        assert_refused(&mut pair, script, refusal);
    }
}

fn assert_refused(pair: &mut Pair, script: &str, refusal: &str) {
    pair.flush();
    let error = pair.on_host(script, &ARGS).expect_err(script).to_string();
    let said = error.trim_start_matches("outside the dialect of the embedded engine: ");
    assert!(said.starts_with(refusal), "{script}\n said {error}");
}

/// A list of refusals is honest only while Redis accepts what is on it.
#[test]
fn what_is_listed_as_refused_works_on_redis() {
    let mut pair = Pair::start();
    for (script, _) in REFUSED {
        pair.flush();
        let redis = pair.on_redis(&format!("return (pcall(function() {script} end))"), &ARGS);
        assert_eq!(redis, Reply::Integer(1), "{script}");
    }
    for (script, _) in REFUSED_REPLIES {
        let redis = pair.on_redis(script, &ARGS);
        assert!(!matches!(redis, Reply::Error(_)), "{script}: {redis:?}");
    }
}

/// Uncaught, the tables crash the server: only the host runs these.
#[test]
fn raising_what_would_crash_redis_is_refused() {
    let mut pair = Pair::start();
    for script in
        ["error({})", "error({err = {}})", "error({msg = 'x'})", "error(nil)", "pcall(error, {}) return 1"]
    {
        let outcome = pair.on_host(script, &[]);
        assert!(matches!(outcome, Err(ScriptError::Refused { .. })), "{script}: {outcome:?}");
    }
}
