//! The attempts of one request.

use std::borrow::Cow;
use std::time::Duration;

use http::Extensions;
use reqwest::{Method, Request, Response};
use reqwest_middleware::Next;
use tollgate::{Call, Permit};

use crate::answered::Answered;
use crate::backoff;
use crate::builder::Builder;
use crate::clock::{self, Instant};
use crate::error::{Error, Refused, RefusedBy};
use crate::on_store_error::OnStoreError;
use crate::retry::{self, Again};

/// What came of one attempt.
type Outcome = Result<Answered, reqwest_middleware::Error>;

/// One request, from its first attempt to its last.
#[derive(Debug)]
pub(crate) struct Attempts<'a> {
    setup: &'a Builder,
    call: &'a Call,
    deadline: Instant,
    sent: u32,
}

impl<'a> Attempts<'a> {
    pub(crate) fn new(setup: &'a Builder, call: &'a Call, deadline: Instant) -> Self {
        Self { setup, call, deadline, sent: 0 }
    }

    pub(crate) async fn run(
        mut self,
        mut request: Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> Result<Response, reqwest_middleware::Error> {
        self.setup.budget.deposit();
        loop {
            let may_be_last = self.sent >= self.setup.max_retries;
            let copy = if may_be_last { None } else { request.try_clone() };
            let method = request.method().clone();
            let permit = self.acquire().await?;
            let outcome = next.clone().run(request, extensions).await;
            self.sent = self.sent.saturating_add(1);
            let outcome = match outcome {
                Ok(response) => Ok(Answered::take(&self.setup.gate, self.call, permit, response).await),
                // The permit ends here: a call that was not answered is in flight no longer.
                Err(error) => Err(error),
            };
            let Some(copy) = copy else { return passed_on(outcome) };
            let Some(at) = self.again(&method, &outcome)? else { return passed_on(outcome) };
            tracing::debug!(sent = self.sent, %method, path = self.call.path(), "a call is sent again");
            // Its own place among the calls in flight must be free for the next attempt.
            drop(outcome);
            clock::sleep_until(at).await;
            request = copy;
        }
    }

    /// A permit, or `None` where it is sent without one.
    async fn acquire(&self) -> Result<Option<Permit>, Error> {
        let call = self.charged_anew();
        let acquire = self.setup.gate.acquire(&call).within(clock::until(self.deadline));
        match acquire.await {
            Ok(permit) => Ok(Some(permit)),
            Err(tollgate::Error::Refused(refused)) => {
                let retry_after = refused.retry_after;
                let by = RefusedBy::Limit(Box::new(refused));
                Err(Error::Refused(Refused { by, retry_after, sent: self.sent }))
            }
            Err(error @ tollgate::Error::Store(_))
                if self.setup.on_store_error == OnStoreError::SendAnyway =>
            {
                tracing::warn!(error = &error as &dyn std::error::Error, "a call is sent without a permit");
                Ok(None)
            }
            Err(error) => Err(Error::Limiter(error)),
        }
    }

    /// The call of the next attempt. Under the name that the first one has it would be granted without a charge, though
    /// it is sent.
    fn charged_anew(&self) -> Cow<'a, Call> {
        if self.sent > 0 && self.call.get_request_id().is_some() {
            Cow::Owned(self.call.clone().without_request_id())
        } else {
            Cow::Borrowed(self.call)
        }
    }

    /// When to send it again; `None` if that is not to be.
    fn again(&self, method: &Method, outcome: &Outcome) -> Result<Option<Instant>, Error> {
        let again = match outcome {
            Ok(answered) => retry::after_answer(method, answered),
            Err(error) => retry::after_error(method, error),
        };
        let Some(again) = again else { return Ok(None) };
        let guessed = backoff::guessed(self.sent);
        let wait = match again {
            Again::WhenGranted => Duration::ZERO,
            // A provider that tells no time at all is not to be asked without a break.
            Again::Told(wait) => backoff::told(wait).max(guessed),
            Again::Guessed => guessed,
        };
        let at = clock::after(wait);
        if at > self.deadline && wait > Duration::ZERO {
            return match (again, outcome) {
                (Again::Told(retry_after), Ok(answered)) if answered.reading.throttled.is_some() => {
                    Err(Error::Refused(self.refused(answered, retry_after)))
                }
                _ => Ok(None),
            };
        }
        Ok(self.setup.budget.withdraw().then_some(at))
    }

    fn refused(&self, answered: &Answered, retry_after: Duration) -> Refused {
        let throttled = answered.reading.throttled.as_ref();
        let limit = throttled.and_then(|throttled| throttled.limit.as_ref()).map(|limit| limit.name.clone());
        let by = RefusedBy::Provider { status: answered.response.status().as_u16(), limit };
        Refused { by, retry_after, sent: self.sent }
    }
}

fn passed_on(outcome: Outcome) -> Result<Response, reqwest_middleware::Error> {
    outcome.map(|answered| answered.response)
}
