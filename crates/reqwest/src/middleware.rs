//! The middleware that stands in front of an application's calls.

use async_trait::async_trait;
use http::Extensions;
use reqwest::{Request, Response};
use reqwest_middleware::{Middleware, Next, Result};
use tollgate::{Call, Tollgate};

use crate::attempts::Attempts;
use crate::builder::Builder;
use crate::deadline;
use crate::outgoing::Outgoing;

/// Has every request wait for its limits, and tells the fleet what its answer says of them.
///
/// For each request:
///
/// 1. The *classifier* makes a [`Call`] of it, or says that it is not limited: then it is sent as it is.
/// 2. A permit is acquired, until the deadline: [`Within`](crate::Within) of the request, or [`Builder::within`].
/// 3. It is sent.
/// 4. The head of the answer is read, and of its body as much as the policy's adapter understands: of most answers
///    nothing, so that streams stay streams, and of the others what comes within 2 s. What it says of limits is told to
///    the fleet: a refusal pauses its limit for all replicas.
/// 5. A cost that the answer tells settles the permit.
/// 6. If that is safe it is sent again.
///
/// The answer reaches the caller as the provider sent it, its body complete. A body that is still compressed, because
/// the application asked for that and `reqwest` has no feature to undo it, is passed on unread: then a limit that is
/// named in it is not known by name.
///
/// # Calls in flight
/// Where a limit counts them, a call is in flight from its permit until the body of its answer has ended or is dropped.
/// A response that is kept and not read keeps its place.
///
/// # Retries
/// A request is sent again, with jitter, if its answer was *throttled* and says that the call was not carried out,
/// whatever its method; and, where the method is GET, HEAD, OPTIONS, PUT or DELETE, also if it was throttled otherwise,
/// answered 503, or lost its connection. Not after a timeout, and not if its body is a stream, which can't be sent
/// twice. Every attempt is acquired and charged like a call of its own; there are no more than [`Builder::max_retries`]
/// for one request, and for all together no more than their [`RetryBudget`](crate::RetryBudget). An answer that is not
/// retried reaches the caller.
///
/// After a refusal that a limit of the policy explains nothing sleeps here: the next acquire waits, for as long as the
/// whole fleet does. Else the time that the provider told is waited for. Where either goes past the deadline, the
/// request fails at once with [`Refused`](crate::Refused), which tells the time.
///
/// The redirects that `reqwest` follows by itself are calls that nobody has charged: turn them off
/// (`reqwest::redirect::Policy::none`) where the provider sends such.
///
/// A [`Call::request_id`] set by the classifier is that of the first attempt, so that whoever begins the same request
/// anew, after a crash, is not charged for that one twice. Further attempts are acquired without it, and each is
/// charged: they are calls that reach the provider.
///
/// # Cancel safety
/// A request whose future is dropped while it waits spends nothing. Dropped later it is taken to have been sent; it is
/// in flight no longer.
#[derive(Debug)]
pub struct TollgateMiddleware {
    pub(crate) setup: Builder,
}

impl TollgateMiddleware {
    /// One with the defaults of [`Builder`].
    ///
    /// The classifier tells which call a request is; `None` lets it pass without a limit.
    pub fn new(
        gate: Tollgate,
        classify: impl Fn(&Outgoing<'_>) -> Option<Call> + Send + Sync + 'static,
    ) -> Self {
        Self::builder(gate, classify).build()
    }

    /// One to be set up in detail.
    pub fn builder(
        gate: Tollgate,
        classify: impl Fn(&Outgoing<'_>) -> Option<Call> + Send + Sync + 'static,
    ) -> Builder {
        Builder::new(gate, Box::new(classify))
    }

    pub(crate) fn of(setup: Builder) -> Self {
        Self { setup }
    }
}

#[async_trait]
impl Middleware for TollgateMiddleware {
    async fn handle(
        &self,
        request: Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> Result<Response> {
        let Some(call) = (self.setup.classify)(&Outgoing::new(&request, extensions)) else {
            return next.run(request, extensions).await;
        };
        let deadline = deadline::of(extensions, self.setup.within);
        Attempts::new(&self.setup, &call, deadline).run(request, extensions, next).await
    }
}
