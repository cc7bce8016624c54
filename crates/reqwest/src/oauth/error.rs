//! Why there is no token.

use std::sync::Arc;
use std::time::Duration;

/// Why there is no token for an organisation. No message holds a secret or a token, or what the endpoint has written.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// The source has no credentials of this organisation.
    #[error("there are no credentials for organisation {org:?}")]
    UnknownOrg {
        /// Its name.
        org: String,
    },
    /// The endpoint gives no more tokens for a time, and that is longer than the request may wait.
    #[error("the token endpoint throttles this client, retry in {retry_after:?}")]
    Throttled {
        /// From now, as the endpoint or the provider's adapter says, with jitter.
        retry_after: Duration,
    },
    /// The endpoint refuses the client: its id, its secret, or what it may do.
    #[error("the token endpoint refuses the client: status {status}, {code}")]
    Rejected {
        /// The status of its answer.
        status: u16,
        /// One of the error codes of RFC 6749 section 5.2, or `no known error code`.
        code: &'static str,
    },
    /// The endpoint failed, or did something that no token endpoint does.
    #[error("the token endpoint answered {status}, which gives no token")]
    Unavailable {
        /// The status of its answer.
        status: u16,
    },
    /// The endpoint could not be reached.
    #[error("the token endpoint could not be reached")]
    Unreachable {
        /// What the HTTP client says.
        #[source]
        source: Arc<reqwest_middleware::Error>,
    },
    /// What the endpoint gave is no bearer token.
    #[error("the token endpoint gave no usable token: {detail}")]
    Unusable {
        /// What is wrong with it.
        detail: &'static str,
    },
    /// The request may not wait until the endpoint has answered. It goes on being asked, for the next request.
    #[error("the token endpoint did not answer before the deadline of the request")]
    Late,
    /// The runtime was shut down while the endpoint was asked.
    #[error("the runtime was shut down while a token was asked for")]
    Closed,
}

impl TokenError {
    /// Whether asking again soon would bring the same.
    pub(super) fn is_lasting(&self) -> bool {
        matches!(
            self,
            Self::UnknownOrg { .. }
                | Self::Rejected { .. }
                | Self::Unusable { .. }
                | Self::Late
                | Self::Closed
        )
    }

    /// The same for whoever hears of it when there is less left to wait.
    pub(super) fn with_wait(&self, left: Duration) -> Self {
        match self {
            Self::Throttled { .. } => Self::Throttled { retry_after: left },
            other => other.clone(),
        }
    }
}
