//! Replicas on one Redis under load: what they grant together, judged by a ledger that the test keeps.

mod admins;
mod counted;
mod fleet;
mod in_flight;
mod interactive;
mod ledger;
mod load;
mod lost;
mod max_min;
mod saturation;
mod two_replicas;
mod weights;
