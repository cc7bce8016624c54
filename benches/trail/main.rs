//! What the audit trail takes of the store's memory where it is full, and for how long the server is busy with trimming
//! all of it at once.
//!
//! Its entries are made as in use: by pauses, refusals of the provider, calls that are turned away, and granted calls
//! of an organisation of which each is told, with the longest names that there are.
#![allow(clippy::expect_used, reason = "a benchmark that can't go on ends")]

#[path = "../shared/asked_for.rs"]
mod asked_for;
mod filled;

use std::time::Duration;

use tollgate_testkit::RedisServer;

use self::asked_for::is_asked_for;
use self::filled::Filled;

/// How many entries each stream holds at most.
const ENTRIES: usize = 10_000;
const OF_CALLS: usize = 50_000;

fn main() {
    if is_asked_for("trail") {
        full();
    }
}

/// Fills one stream after the other, and prints a table.
fn full() {
    let server = RedisServer::start().expect("a private Redis server");
    let filled = Filled::start(&server);
    println!("\n| entries | of which kind | `MEMORY USAGE`, MB | trimmed in, ms |");
    println!("|---|---|---|---|");
    filled.pauses(ENTRIES);
    report(&server, "hold", "audit", ENTRIES);
    filled.refusals(OF_CALLS);
    report(&server, "throttled", "calls", OF_CALLS);
    filled.episodes(OF_CALLS);
    report(&server, "episode", "calls", OF_CALLS);
    filled.calls(OF_CALLS);
    report(&server, "call", "records", OF_CALLS);
}

/// Prints what a stream takes, and trims all of it.
fn report(server: &RedisServer, kind: &str, stream: &str, entries: usize) {
    let mut connection = server.connection().expect("a connection");
    let key = filled::key(stream);
    let length: usize = redis::cmd("XLEN").arg(&key).query(&mut connection).expect("XLEN");
    assert_eq!(length, entries, "{key}");
    let usage = redis::cmd("MEMORY").arg("USAGE").arg(&key).arg("SAMPLES").arg(0).query(&mut connection);
    let bytes: u32 = usage.expect("MEMORY USAGE");
    redis::cmd("CONFIG").arg("RESETSTAT").exec(&mut connection).expect("CONFIG RESETSTAT");
    let trim = redis::cmd("XTRIM").arg(&key).arg("MINID").arg("=").arg(u64::MAX).query(&mut connection);
    let trimmed: usize = trim.expect("XTRIM");
    assert_eq!(trimmed, entries, "{key}");
    let stats = server.info("commandstats").expect("INFO");
    let microseconds = stats["cmdstat_xtrim"].split(',').find_map(|part| part.strip_prefix("usec="));
    let microseconds: u64 = microseconds.and_then(|text| text.parse().ok()).expect("a time");
    let milliseconds = Duration::from_micros(microseconds).as_secs_f64() * 1_000.0;
    println!("| {entries} | `{kind}` | {:.1} | {milliseconds:.1} |", f64::from(bytes) / 1e6);
}
