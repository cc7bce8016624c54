//! The engine proven: the scripts under `lua/` on real servers and embedded, judged by random histories.

#![allow(clippy::expect_used, clippy::panic, reason = "a test ends where what it relies on is not so")]

mod answers;
mod audit;
mod audit_foreign;
mod audited;
mod books;
mod call_records;
mod campaign;
mod catalogue;
mod charging;
mod clock;
mod costs;
mod cut;
mod enlarged;
mod episode;
mod fleet;
mod foreseen;
mod given_back;
mod governing;
mod greedy;
mod head;
mod history;
mod hold;
mod in_flight;
mod in_flight_random;
mod judge;
mod keys;
mod lab;
mod max_keys;
mod million;
mod mutants;
mod named;
mod namespace;
mod outlasting;
mod paces;
mod pages;
mod parity;
mod program;
mod promises;
mod random;
mod recovery;
mod refused;
mod refused_random;
mod regressions;
mod remaining;
mod replica;
mod replicas;
mod rules;
mod schema;
mod settling;
mod sweeping;
mod teeth;
mod throttled;
mod trace;
mod twin;
/// Measured by a bench, which no machine runs unasked.
#[path = "../../benches/acquire/uncounted.rs"]
mod uncounted;
mod usage;
mod usage_pages;
mod usage_random;
mod waiters;
