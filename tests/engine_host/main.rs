//! The embedded engine beside a real Redis: the same scripts on both, replies and state compared.
//!
//! Our scripts are proven on Redis and simulated embedded; that is worth something only while the two can't be told
//! apart. These facets compare them below the scripts: one line at a time, one command at a time, one blob at a time.
//! What the host refuses on purpose is listed in `refusals`; nothing else may differ.

#![expect(clippy::expect_used, clippy::panic, reason = "what fails in a helper fails the test that uses it")]

mod blobs;
mod cases;
mod commands;
mod lua;
mod pair;
mod probes;
mod real;
mod refusals;
mod teeth;
