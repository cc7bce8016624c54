//! How a middleware is set up.

use std::fmt;
use std::time::Duration;

use tollgate::{Call, Tollgate};

use crate::budget::RetryBudget;
use crate::middleware::TollgateMiddleware;
use crate::on_store_error::OnStoreError;
use crate::outgoing::Outgoing;

const WITHIN: Duration = Duration::from_secs(30);
const MAX_RETRIES: u32 = 5;

/// Tells which call a request is, or that it is not limited.
pub(crate) type Classifier = Box<dyn Fn(&Outgoing<'_>) -> Option<Call> + Send + Sync>;

/// Sets up a [`TollgateMiddleware`]; [`TollgateMiddleware::builder`] begins one.
///
/// # Examples
/// ```
/// # fn example(gate: tollgate::Tollgate) {
/// use std::time::Duration;
/// use tollgate_reqwest::{OnStoreError, Outgoing, TollgateMiddleware};
///
/// let classify = |out: &Outgoing<'_>| Some(out.call().org(out.org()?).client("app-1"));
/// let limited = TollgateMiddleware::builder(gate, classify)
///     .within(Duration::from_secs(10))
///     .on_store_error(OnStoreError::SendAnyway)
///     .build();
/// # }
/// ```
#[must_use]
pub struct Builder {
    pub(crate) gate: Tollgate,
    pub(crate) classify: Classifier,
    pub(crate) within: Duration,
    pub(crate) max_retries: u32,
    pub(crate) budget: RetryBudget,
    pub(crate) on_store_error: OnStoreError,
}

impl Builder {
    pub(crate) fn new(gate: Tollgate, classify: Classifier) -> Self {
        Self {
            gate,
            classify,
            within: WITHIN,
            max_retries: MAX_RETRIES,
            budget: RetryBudget::default(),
            on_store_error: OnStoreError::default(),
        }
    }

    /// How long a request may wait, for its limits and between its attempts, that does not say so itself with
    /// [`Within`](crate::Within). Default: 30 s.
    pub fn within(mut self, within: Duration) -> Self {
        self.within = within;
        self
    }

    /// How often one request is sent again at most. Default: 5. With 0 nothing is ever sent again.
    pub fn max_retries(mut self, retries: u32) -> Self {
        self.max_retries = retries;
        self
    }

    /// How many of all requests may be sent again. Default: 20 in a hundred, and 10 a second.
    pub fn retry_budget(mut self, budget: RetryBudget) -> Self {
        self.budget = budget;
        self
    }

    /// What becomes of requests while the store does not answer. Default: they fail.
    pub fn on_store_error(mut self, on_store_error: OnStoreError) -> Self {
        self.on_store_error = on_store_error;
        self
    }

    /// The middleware.
    #[must_use]
    pub fn build(self) -> TollgateMiddleware {
        TollgateMiddleware::of(self)
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("within", &self.within)
            .field("max_retries", &self.max_retries)
            .field("budget", &self.budget)
            .field("on_store_error", &self.on_store_error)
            .finish_non_exhaustive()
    }
}
