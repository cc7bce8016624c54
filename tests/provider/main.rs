//! A fleet of real limiters that calls a provider whose limits it does not know, in virtual time: the provider's ledger
//! judges.

mod disciplines;
mod hidden_limits;
mod hours;
mod known_limits;
mod world;
