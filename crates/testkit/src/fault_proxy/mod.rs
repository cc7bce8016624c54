//! A proxy that does to connections what networks do: delay, cut, lose an answer, go silent, refuse.

mod connection;
mod delay_line;
mod endpoint;
mod faults;
mod framing;
mod listener;
mod place;
mod proxy;

pub use faults::{Counters, Direction};
pub use proxy::FaultProxy;
