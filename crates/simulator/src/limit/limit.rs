//! A limit as it was configured and checked.

use std::time::Duration;

use super::TOKEN_PATH;
use super::attribute::Attribute;
use super::cost::PageCost;
use super::kind::Kind;
use super::load::UnderLoad;
use super::name::LimitName;
use super::pattern::PathPattern;
use super::values::Values;

/// One of the limits that calls pass.
#[derive(Clone, Debug)]
pub(crate) struct Limit {
    pub(crate) name: LimitName,
    /// Whether it belongs to the token endpoint or to the API.
    pub(crate) at_login: bool,
    pub(crate) per: Vec<Attribute>,
    pub(crate) path: Option<PathPattern>,
    pub(crate) method: Option<String>,
    pub(crate) kind: Kind,
    /// Nothing where calls in flight are counted.
    pub(crate) window: Duration,
    pub(crate) values: Values,
    pub(crate) under_load: Option<UnderLoad>,
    pub(crate) cost: Option<PageCost>,
    /// Whether a refusal names it.
    pub(crate) said: bool,
    /// Whether the limits API lists it.
    pub(crate) listed: bool,
    pub(crate) description: String,
}

impl Limit {
    /// Whether it counts calls of this route.
    pub(crate) fn counts(&self, method: &str, path: &str) -> bool {
        (path == TOKEN_PATH) == self.at_login
            && self.method.as_deref().is_none_or(|own| own == method)
            && self.path.as_ref().is_none_or(|pattern| pattern.matches(path))
    }

    /// What a call with this query counts.
    pub(crate) fn cost_of(&self, query: &str) -> u64 {
        self.cost.as_ref().map_or(1, |cost| cost.of(query))
    }
}
