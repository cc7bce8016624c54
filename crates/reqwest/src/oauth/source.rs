//! The tokens of all organisations.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use http::HeaderValue;
use reqwest_middleware::ClientWithMiddleware;
use tollgate::provider::Adapter;

use super::account::{Account, Endpoint};
use super::credentials::Credentials;
use super::error::TokenError;
use super::token::Token;
use crate::clock::{self, Instant};

/// The tokens of many organisations, each got with its own credentials.
///
/// Cheap to clone; clones are one source. However many callers want the token of an organisation, one request asks for
/// it. It is kept until 11/12 of its life have passed, and no longer than until a minute before its end (of a life of
/// less than two minutes, for half of it); then it is renewed in the background, while the old one still serves.
/// Lifetimes are counted from the moment when the request was sent, on a clock that never steps; where the endpoint
/// tells none, 5 minutes.
///
/// A token endpoint that throttles is understood by the provider's adapter (Genesys Cloud answers 400). It is asked
/// again when the told time has passed, with jitter; one that fails, after 0.1 to 10 s; one that refuses the client,
/// after 10 s. All who wait meanwhile wait together, or get the error if their deadline is earlier.
///
/// # Examples
/// ```
/// # fn example(gate: tollgate::Tollgate) -> Result<(), Box<dyn std::error::Error>> {
/// use tollgate_reqwest::oauth::{Credentials, TokenSource};
///
/// let tokens = TokenSource::new(reqwest::Client::new(), gate.adapter());
/// let endpoint = "https://login.mypurecloud.ie/oauth/token".parse()?;
/// tokens.put("acme", Credentials::new(endpoint, "app-1", std::env::var("ACME_SECRET")?));
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct TokenSource {
    endpoint: Endpoint,
    accounts: Arc<RwLock<HashMap<String, Arc<Account>>>>,
}

impl TokenSource {
    /// A source without credentials, which asks over this client and understands the answers by this adapter.
    ///
    /// The client may be one with middlewares of its own, such as a [`TollgateMiddleware`](crate::TollgateMiddleware)
    /// for the limit of the token endpoint; with the [`OauthMiddleware`](super::OauthMiddleware) of this same source it
    /// would wait for itself.
    pub fn new(http: impl Into<ClientWithMiddleware>, adapter: Arc<Adapter>) -> Self {
        Self { endpoint: Endpoint { http: http.into(), adapter }, accounts: Arc::default() }
    }

    /// Gives an organisation its credentials, in the place of earlier ones. Their token is forgotten.
    pub fn put(&self, org: impl Into<String>, credentials: Credentials) {
        let account = Arc::new(Account::new(self.endpoint.clone(), credentials));
        self.accounts.write().unwrap_or_else(PoisonError::into_inner).insert(org.into(), account);
    }

    /// Forgets an organisation, and its token.
    pub fn remove(&self, org: &str) {
        self.accounts.write().unwrap_or_else(PoisonError::into_inner).remove(org);
    }

    /// The value of the `Authorization` field for an organisation, marked as sensitive; waited for no longer than
    /// `within`.
    ///
    /// [`OauthMiddleware`](super::OauthMiddleware) does this for each request.
    ///
    /// # Errors
    /// [`TokenError`], which says what to do.
    ///
    /// # Cancel safety
    /// The request to the endpoint goes on for others, and for the next time.
    pub async fn authorization(&self, org: &str, within: Duration) -> Result<HeaderValue, TokenError> {
        let token = self.token(org, clock::after(within)).await?;
        Ok(token.header().clone())
    }

    /// Forgets a token that the provider did not take (401). Whether another one may be asked for: not where it came in
    /// the place of another rejected one within the last minute, and was never taken.
    pub fn reject(&self, org: &str, authorization: &HeaderValue) -> bool {
        self.account(org).is_ok_and(|account| account.reject(authorization))
    }

    pub(super) async fn token(&self, org: &str, deadline: Instant) -> Result<Arc<Token>, TokenError> {
        self.account(org)?.token(deadline).await
    }

    fn account(&self, org: &str) -> Result<Arc<Account>, TokenError> {
        let accounts = self.accounts.read().unwrap_or_else(PoisonError::into_inner);
        accounts.get(org).cloned().ok_or_else(|| TokenError::UnknownOrg { org: org.to_owned() })
    }
}

impl fmt::Debug for TokenSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let accounts = self.accounts.read().unwrap_or_else(PoisonError::into_inner);
        f.debug_struct("TokenSource").field("orgs", &accounts.len()).finish_non_exhaustive()
    }
}
