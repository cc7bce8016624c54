//! The token of one organisation: one request for all who want it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};
use http::HeaderValue;
use reqwest_middleware::ClientWithMiddleware;
use tollgate::provider::Adapter;

use super::credentials::Credentials;
use super::error::TokenError;
use super::fetch::{Failed, fetch};
use super::token::Token;
use crate::backoff;
use crate::clock::{self, Instant};

/// A token that came in the place of a rejected one and was never taken is no reason to ask for a third: what is
/// rejected is not its age. For so long it is kept.
const REJECTED_AGAIN: Duration = Duration::from_secs(60);
/// What is asked for again in vain: a client that is refused may have been set right meanwhile.
const LASTING: Duration = Duration::from_secs(10);

/// How tokens are asked for.
#[derive(Clone, Debug)]
pub(super) struct Endpoint {
    pub(super) http: ClientWithMiddleware,
    pub(super) adapter: Arc<Adapter>,
}

/// One organisation, its credentials and its token.
#[derive(Debug)]
pub(super) struct Account {
    endpoint: Endpoint,
    credentials: Credentials,
    state: Mutex<State>,
}

/// A request that is on its way, for whoever waits for it. It is a task of its own: it goes on when they have gone.
type Flight = Shared<BoxFuture<'static, Result<Arc<Token>, TokenError>>>;

#[derive(Debug, Default)]
struct State {
    token: Option<Arc<Token>>,
    flight: Option<Flight>,
    failure: Option<Failure>,
    /// When the last token was rejected, and replaced.
    rejected_at: Option<Instant>,
}

/// What came of the last request, if no token did.
#[derive(Clone, Debug)]
struct Failure {
    error: TokenError,
    /// When the first in a row came.
    since: Instant,
    in_row: u32,
    /// Until when nobody asks.
    until: Instant,
}

/// What there is to do for who wants a token.
enum Step {
    Take(Arc<Token>),
    Join(Flight),
    WaitUntil(Instant),
    Fail(TokenError),
}

impl Account {
    pub(super) fn new(endpoint: Endpoint, credentials: Credentials) -> Self {
        Self { endpoint, credentials, state: Mutex::default() }
    }

    /// A token that is good, waited for no longer than until `deadline`.
    pub(super) async fn token(self: &Arc<Self>, deadline: Instant) -> Result<Arc<Token>, TokenError> {
        loop {
            match self.step(deadline) {
                Step::Take(token) => return Ok(token),
                Step::Fail(error) => return Err(error),
                Step::WaitUntil(at) => clock::sleep_until(at).await,
                Step::Join(flight) => match clock::by(deadline, flight).await {
                    None => return Err(TokenError::Late),
                    Some(Ok(token)) => return Ok(token),
                    Some(Err(error)) if error.is_lasting() => return Err(error),
                    // The next step tells whether there is time for another try.
                    Some(Err(_)) => {}
                },
            }
        }
    }

    /// The provider does not take this token. Whether another one may be asked for.
    pub(super) fn reject(&self, header: &HeaderValue) -> bool {
        let now = clock::now();
        let mut state = self.state();
        let Some(token) = state.token.as_ref().filter(|token| token.header() == header) else {
            // Somebody else has said so before.
            return true;
        };
        let is_repeated = !token.has_worked()
            && state.rejected_at.is_some_and(|at| now.saturating_duration_since(at) < REJECTED_AGAIN);
        if !is_repeated {
            state.token = None;
            state.rejected_at = Some(now);
        }
        !is_repeated
    }

    fn step(self: &Arc<Self>, deadline: Instant) -> Step {
        let now = clock::now();
        let mut state = self.state();
        // One that has ended without landing: its runtime was shut down.
        state.flight.take_if(|flight| flight.peek().is_some());
        let held_until = state.failure.as_ref().map(|failure| failure.until).filter(|&until| until > now);
        if let Some(token) = state.token.clone().filter(|token| token.is_good(now)) {
            if token.is_to_be_renewed(now) && state.flight.is_none() && held_until.is_none() {
                state.flight = Some(self.take_off());
            }
            return Step::Take(token);
        }
        if let Some(flight) = &state.flight {
            return Step::Join(flight.clone());
        }
        match (&state.failure, held_until) {
            (Some(failure), Some(until)) if failure.error.is_lasting() || until > deadline => {
                Step::Fail(failure.error.with_wait(until.saturating_duration_since(now)))
            }
            (_, Some(until)) => Step::WaitUntil(until),
            _ => Step::Join(state.flight.insert(self.take_off()).clone()),
        }
    }

    fn take_off(self: &Arc<Self>) -> Flight {
        let account = Arc::clone(self);
        let task = tokio::spawn(async move {
            let Endpoint { http, adapter } = &account.endpoint;
            let fetched = fetch(http, adapter, &account.credentials).await;
            account.land(fetched)
        });
        async { task.await.unwrap_or(Err(TokenError::Closed)) }.boxed().shared()
    }

    /// The request is over.
    fn land(&self, fetched: Result<Token, Failed>) -> Result<Arc<Token>, TokenError> {
        let now = clock::now();
        let mut state = self.state();
        state.flight = None;
        let failed = match fetched {
            Ok(token) => {
                state.failure = None;
                return Ok(Arc::clone(state.token.insert(Arc::new(token))));
            }
            Err(failed) => failed,
        };
        let before = state.failure.take();
        let since = before.as_ref().map_or(now, |failure| failure.since);
        let in_row = before.map_or(0, |failure| failure.in_row).saturating_add(1);
        let (error, wait) = self.explain(failed, now.saturating_duration_since(since), in_row);
        tracing::warn!(
            client = self.credentials.client_id,
            error = &error as &dyn std::error::Error,
            again_in = ?wait,
            "no token was given"
        );
        state.failure = Some(Failure { error: error.clone(), since, in_row, until: now + wait });
        Err(error)
    }

    /// What those who wait are told, and for how long nobody asks again.
    fn explain(&self, failed: Failed, failing_for: Duration, in_row: u32) -> (TokenError, Duration) {
        match failed {
            Failed::Throttled(told) => {
                let wait = told.unwrap_or_else(|| self.endpoint.adapter.default_wait(failing_for));
                let wait = backoff::told(wait);
                (TokenError::Throttled { retry_after: wait }, wait)
            }
            Failed::Otherwise(error) => {
                let wait = if error.is_lasting() { backoff::told(LASTING) } else { backoff::guessed(in_row) };
                (error, wait)
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
