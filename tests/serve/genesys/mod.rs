//! `tollgate genesys limits`: what the provider says becomes overrides of a running service's policy, or a clear
//! refusal.

mod command;
mod guarded;
mod hostile;
mod options;
mod scripted;
mod secrets;
mod taking_over;
mod turned_down;
