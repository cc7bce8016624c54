//! What an application sees that has Tollgate in front of its calls, against a provider on the loopback.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test ends where what it relies on is not so")]

mod bodies;
mod cancelling;
mod charging;
mod deadlines;
mod example;
mod in_flight;
mod outage;
mod readme;
mod rejected;
mod retries;
mod setup;
mod stub;
mod throttled;
mod tokens;
