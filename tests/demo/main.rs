//! `tollgate demo`: what it reports, what it refuses, and that it leaves nothing behind.

mod bad_input;
mod command;
mod report;
mod store;
