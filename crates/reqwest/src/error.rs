//! What can go wrong with a request before it is sent, or sent again.

use std::fmt;
use std::time::Duration;

use crate::oauth::TokenError;

/// Why a request was not sent, or not sent again.
///
/// It reaches the caller inside [`reqwest_middleware::Error::Middleware`]; [`error_in`] and [`refused_in`] find it
/// there.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// It would have to wait past its deadline.
    #[error("refused: {0}")]
    Refused(Refused),
    /// The limiter could not decide: mostly that its store does not answer. The request was not sent.
    #[error("the limiter could not decide on the call")]
    Limiter(#[source] tollgate::Error),
    /// There is no token to send it with.
    #[error("there is no token to send the call with")]
    Token(#[from] TokenError),
}

/// A request that would have to wait past its deadline, and the earliest time that could work.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Refused {
    /// Who refuses it.
    pub by: RefusedBy,
    /// After how long it may be tried again, from now.
    pub retry_after: Duration,
    /// How many times it was sent. The provider has then throttled each of these, or failed.
    pub sent: u32,
}

/// Who refuses a request.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RefusedBy {
    /// A limit of the policy, which may be paused because the provider has throttled this call or another one.
    Limit(Box<tollgate::Refused>),
    /// The provider, by a limit that none of the policy explains.
    Provider {
        /// The status of its answer.
        status: u16,
        /// The limit, where it names it.
        limit: Option<String>,
    },
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.by {
            RefusedBy::Limit(refused) => write!(f, "{refused}")?,
            RefusedBy::Provider { status, limit } => {
                write!(f, "the provider answered {status}")?;
                if let Some(limit) = limit {
                    write!(f, " by its limit {limit}")?;
                }
                write!(f, ", retry in {:?}", self.retry_after)?;
            }
        }
        if self.sent > 0 { write!(f, " (sent so far: {})", self.sent) } else { Ok(()) }
    }
}

impl From<Error> for reqwest_middleware::Error {
    fn from(error: Error) -> Self {
        Self::middleware(error)
    }
}

/// This crate's error in that of a request, if it is one.
#[must_use]
pub fn error_in(error: &reqwest_middleware::Error) -> Option<&Error> {
    match error {
        reqwest_middleware::Error::Middleware(inner) => inner.downcast_ref(),
        reqwest_middleware::Error::Reqwest(_) => None,
    }
}

/// The refusal in the error of a request, if it was refused.
#[must_use]
pub fn refused_in(error: &reqwest_middleware::Error) -> Option<&Refused> {
    match error_in(error)? {
        Error::Refused(refused) => Some(refused),
        _ => None,
    }
}
