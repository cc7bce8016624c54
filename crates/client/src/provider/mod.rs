//! Providers: what their answers say about their limits, read by an adapter that is data.
//!
//! An [`Adapter`] knows which answers mean *throttled*, where the wait and the name of the limit stand in them, and
//! what they tell of quotas and costs. It is a document: those built in are TOML files, a policy can hold one of its
//! own, and both are read the same way. `docs/POLICY.md` has the fields.
//!
//! Answers come from outside. Whatever they hold is read without an error: what is malformed is as if it were not
//! there, no wait is longer than [`WAIT_MAX`], and only the beginning of a body is looked at.

mod adapter;
mod answer;
mod backoff;
mod built_in;
mod check;
mod condition;
mod decimal;
mod document;
mod named;
mod pointer;
mod quota;
mod reading;
mod source;
mod structured;
#[cfg(test)]
mod tests;
mod time;
mod view;
mod wait;

pub use adapter::Adapter;
pub use answer::Answer;
pub(crate) use check::of_policy;
pub(crate) use document::AdapterDocument;
pub use reading::{Execution, ProviderLimit, QuotaReading, Reading, Throttled, Wait, WaitSource};
pub use time::WAIT_MAX;
