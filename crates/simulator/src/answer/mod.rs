//! The answers of real providers, in the shape that each of them gives.

#[expect(clippy::module_inception, reason = "the answer is the noun of this folder")]
mod answer;
mod genesys;
mod hubspot;
mod ietf;
mod salesforce;
mod shape;
mod shopify;
mod slack;
mod x_ratelimit;
mod zendesk;

pub use answer::Answer;
pub(crate) use shape::{Passed, Refusal, Voice};
