//! A real Prometheus beside two replicas: it scrapes them, its rules are loaded and tested, an alarm is told, and the
//! dashboard shows something.
//!
//! `cargo xtask test` installs the Debian package. Where there is no Prometheus these tests fail.

mod api;
mod dashboard;
mod rules;
mod scraped;
