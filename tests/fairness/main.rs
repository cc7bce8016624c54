//! Fair waiting, on a fleet of real limiters in virtual time: one store, a clock that is paused, replicas near and far.

mod cancelling;
mod crashes;
mod deadlines;
mod draw;
mod figures;
mod fleet;
mod held_up;
mod in_flight;
mod judge;
mod leaks;
mod random;
mod scenario;
mod sharing;
mod small_bursts;
mod waking;
