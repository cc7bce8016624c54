//! The hidden limits: what each counts, for which calls, and how much it allows when.

mod attribute;
mod cost;
mod kind;
#[expect(clippy::module_inception, reason = "the limit is the noun of this folder")]
mod limit;
mod load;
mod name;
mod pattern;
mod rules;
mod values;

pub(crate) use attribute::{Attribute, Key};
pub(crate) use cost::PageCost;
pub(crate) use kind::Kind;
pub(crate) use limit::Limit;
pub(crate) use load::{LoadMeter, UnderLoad};
pub use name::{LimitName, NameError};
pub(crate) use pattern::PathPattern;
pub(crate) use rules::{Passage, Rules};
pub(crate) use values::{Timeline, Values};

/// The one path that belongs to the login service: the limits of the API do not count it, and its own counts nothing
/// else.
pub(crate) const TOKEN_PATH: &str = "/oauth/token";
