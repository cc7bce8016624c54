//! The engine proven: the scripts under `lua/` on real servers and embedded, judged by random histories.

#![allow(clippy::expect_used, clippy::panic, reason = "a test ends where what it relies on is not so")]

mod answers;
mod audit;
mod audit_foreign;
mod audited;
mod books;
mod campaign;
mod catalogue;
mod charging;
mod costs;
mod cut;
mod fleet;
mod governing;
mod greedy;
mod head;
mod history;
mod hold;
mod in_flight;
mod in_flight_random;
mod judge;
mod lab;
mod max_keys;
mod million;
mod mutants;
mod namespace;
mod outlasting;
mod pages;
mod parity;
mod program;
mod promises;
mod recovery;
mod refused;
mod refused_random;
mod regressions;
mod remaining;
mod replica;
mod rules;
mod schema;
mod settling;
mod sweeping;
mod teeth;
mod trace;
mod twin;
mod usage;
mod usage_random;
