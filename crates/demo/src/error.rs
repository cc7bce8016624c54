//! What can go wrong with a demo.

use std::io;

use crate::scenario::ScenarioError;

/// Why a demo can't be run, or was not run to its end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DemoError {
    /// A setting is out of its range.
    #[error("{field}: {value}, expected {expected}")]
    Setting {
        /// Its name.
        field: &'static str,
        /// What was given.
        value: u64,
        /// What would be right.
        expected: String,
    },
    /// The scenario can't be used.
    #[error(transparent)]
    Scenario(#[from] ScenarioError),
    /// The limiter can't be set up, or its namespace not be removed: mostly because of the store.
    #[error("the limiter can't work on namespace {namespace}")]
    Limiter {
        /// The namespace of this demo.
        namespace: String,
        /// Why.
        source: Box<tollgate::Error>,
    },
    /// No port of the loopback can be had for the provider.
    #[error("the simulated provider can't listen on the loopback")]
    Provider(#[source] io::Error),
    /// A call was not answered at all, or the limiter could not decide on it.
    #[error("a call failed")]
    Call(#[from] reqwest_middleware::Error),
    /// The provider has answered what it has no reason to.
    #[error("the simulated provider answered {0}")]
    Status(u16),
    /// A caller has ended by itself.
    #[error("a caller ended before its time")]
    Ended,
}

impl DemoError {
    pub(crate) fn limiter(namespace: &str, source: tollgate::Error) -> Self {
        Self::Limiter { namespace: namespace.to_owned(), source: Box::new(source) }
    }
}

impl From<reqwest::Error> for DemoError {
    fn from(error: reqwest::Error) -> Self {
        Self::Call(error.into())
    }
}
