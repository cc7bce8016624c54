//! The counters that decide: one for each key of a limit, by the limit's kind.

#[expect(clippy::module_inception, reason = "the counter is the noun of this folder")]
mod counter;
mod fixed;
mod gate;
mod in_flight;
mod leaky;
mod sliding;

pub(crate) use gate::{Gate, Standing, Visit};
