//! Calls of the engine from outside: the clock, the limits, and what is left after a script that fails.

use super::*;
use crate::embedded::ManualClock;

const NOW_US: u64 = 1_700_000_000_000_042;

fn engine() -> Engine {
    Engine::new(Clock::Manual(ManualClock::at_us(NOW_US)))
}

/// Small enough that running into a limit takes milliseconds.
fn limited_engine() -> Engine {
    let limits = Limits { instructions: 1_000_000, memory_bytes: 4 << 20 };
    Engine::with_limits(Clock::Manual(ManualClock::at_us(NOW_US)), limits)
}

fn run(engine: &mut Engine, script: &str) -> Result<Reply, ScriptError> {
    engine.call(script, &[b"k"], &[])
}

fn bulk(text: &str) -> Reply {
    Reply::Bulk(text.as_bytes().to_vec())
}

#[test]
fn time_is_the_clock_s_and_stands_still_during_a_call() {
    let clock = ManualClock::at_us(NOW_US);
    let mut engine = Engine::new(Clock::Manual(clock.clone()));
    let time = "return redis.call('TIME')";
    let start = Reply::Array(vec![bulk("1700000000"), bulk("42")]);
    assert_eq!(run(&mut engine, time), Ok(start));
    clock.advance(1_000_001);
    let later = Reply::Array(vec![bulk("1700000001"), bulk("43")]);
    assert_eq!(run(&mut engine, time), Ok(later));

    let mut engine = Engine::new(Clock::System);
    let twice = "local first = redis.call('TIME') for _ = 1, 100000 do end local second = redis.call('TIME') \
        return first[1] == second[1] and first[2] == second[2]";
    assert_eq!(run(&mut engine, twice), Ok(Reply::Integer(1)));
}

#[test]
fn a_key_that_was_not_declared_is_refused_and_not_written() {
    let mut engine = engine();
    for script in ["redis.call('HSET', 'other', 'a', 1)", "redis.call('DEL', KEYS[1], 'other')"] {
        let outcome = run(&mut engine, script);
        assert!(matches!(outcome, Err(ScriptError::UndeclaredKey { .. })), "{outcome:?}");
    }
    assert_eq!(engine.keyspace().dump(), vec![]);
}

/// A script that catches everything in a loop must not outlive its limit, however deep it does it.
#[test]
fn the_instruction_limit_stops_any_loop() {
    for script in [
        "while true do end",
        "while true do pcall(function() while true do end end) end",
        "local function nest() pcall(nest) while true do pcall(function() while true do end end) end end nest()",
        "while true do pcall(error, 'x') end",
        "while true do redis.pcall('HGET', KEYS[1], 'a') end",
    ] {
        let outcome = run(&mut limited_engine(), script);
        assert_eq!(outcome, Err(ScriptError::InstructionLimit { limit: 1_000_000 }), "{script}");
    }
}

#[test]
fn the_memory_limit_stops_any_growth() {
    for script in [
        "local s = 'x' while true do s = s .. s end",
        "return string.rep('x', 100000000)",
        "local t = {} while true do t[#t + 1] = {} end",
        "local t = {} while true do pcall(function() while true do t[#t + 1] = {} end end) end",
        "pcall(string.rep, 'x', 100000000) return 'swallowed'",
        "local t = {} for i = 1, 1000 do t[i] = ('x'):rep(3000) end return #cmsgpack.pack(t, t, t)",
    ] {
        let outcome = run(&mut limited_engine(), script);
        assert_eq!(outcome, Err(ScriptError::MemoryLimit { limit_bytes: 4 << 20 }), "{script}");
    }
}

#[test]
fn after_a_limit_the_keys_are_as_they_were_written_and_the_next_call_works() {
    let mut engine = limited_engine();
    for script in [
        "redis.call('HSET', KEYS[1], 'a', '1') while true do end",
        "redis.call('HSET', KEYS[1], 'a', '1') return string.rep('x', 100000000)",
    ] {
        engine.keyspace_mut().flush();
        assert!(run(&mut engine, script).is_err());
        assert_eq!(run(&mut engine, "return redis.call('HGET', KEYS[1], 'a')"), Ok(bulk("1")));
    }
}

#[test]
fn each_call_starts_afresh() {
    let mut engine = limited_engine();
    let script = "KEYS[1] = nil ARGV.kept = 1 for _ = 1, 50000 do end return redis.call('HLEN', 'k')";
    // Together they run past the limit, and what one does to its arguments no other sees.
    for _ in 0..100 {
        assert_eq!(run(&mut engine, script), Ok(Reply::Integer(0)));
    }
    let leftovers = run(&mut engine, "return {KEYS[1], ARGV.kept == nil}");
    assert_eq!(leftovers, Ok(Reply::Array(vec![bulk("k"), Reply::Integer(1)])));
}

#[test]
fn only_text_is_compiled() {
    let outcome = run(&mut engine(), "\u{1b}LuaQ");
    assert!(matches!(outcome, Err(ScriptError::Compile { .. })), "{outcome:?}");
}

/// Lua 5.1's own `pcall` writes past its stack frame here, which a debug build of Lua answers with an abort.
#[test]
fn any_number_of_results_passes_through_pcall_and_out_of_a_script() {
    let script = "local many = {} for i = 1, 100 do many[i] = i end \
        local results = {pcall(unpack, many)} return #results, unpack(many)";
    assert_eq!(run(&mut engine(), script), Ok(Reply::Integer(101)));
}

#[test]
fn more_scripts_than_are_kept_compiled_all_run() {
    let mut engine = engine();
    for round in 0..3 {
        for number in 0..100 {
            let outcome = run(&mut engine, &format!("return {number}"));
            assert_eq!(outcome, Ok(Reply::Integer(number)), "round {round}");
        }
    }
}

#[test]
fn the_machine_holds_no_more_after_many_calls_than_after_a_few() {
    let mut engine = engine();
    let script = "local t = {} for i = 1, 100 do t[i] = 'field ' .. i end \
        redis.call('HSET', KEYS[1], unpack(t)) return redis.call('HMGET', KEYS[1], unpack(t))";
    let mut most_bytes = |calls: usize| {
        let measure = |_| {
            run(&mut engine, script).expect("it runs");
            engine.machine_memory_bytes()
        };
        (0..calls).map(measure).max()
    };
    let few = most_bytes(100);
    let many = most_bytes(5_000);
    assert!(many <= few.map(|bytes| bytes * 2), "{few:?} bytes, then {many:?}");
}

#[test]
fn an_engine_can_move_between_threads() {
    fn assert_send<T: Send>(_: &T) {}
    assert_send(&engine());
}

/// As many arguments as Lua 5.1 can pass, and as many results: Redis takes them, so our batches may use them.
#[test]
fn a_command_takes_as_many_arguments_as_lua_can_pass() {
    let script = "local t = {} for i = 1, 7900 do t[i] = 'field ' .. i end \
        redis.call('HSET', KEYS[1], unpack(t)) local values = redis.call('HMGET', KEYS[1], unpack(t)) \
        local again = {cmsgpack.unpack(cmsgpack.pack(unpack(t)))} \
        return {redis.call('HDEL', KEYS[1], unpack(t)), #values, #again}";
    let numbers = [3950, 7900, 7900].map(Reply::Integer);
    assert_eq!(run(&mut engine(), script), Ok(Reply::Array(numbers.to_vec())));
}
