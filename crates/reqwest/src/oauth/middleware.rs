//! The middleware that sends each request with its organisation's token.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use http::header::AUTHORIZATION;
use http::{Extensions, StatusCode};
use reqwest::{Request, Response};
use reqwest_middleware::{Middleware, Next, Result};

use super::source::TokenSource;
use super::token::Token;
use crate::clock::Instant;
use crate::deadline;
use crate::error::Error;
use crate::outgoing::Outgoing;

/// How long a request waits for a token that does not say so itself.
const WITHIN: Duration = Duration::from_secs(30);

/// Tells the organisation of a request, if it has one.
type OrgOf = Box<dyn Fn(&Outgoing<'_>) -> Option<String> + Send + Sync>;

/// Sends each request with the token of its organisation, as `Authorization: Bearer`.
///
/// It stands *in front of* the [`TollgateMiddleware`](crate::TollgateMiddleware), so that what it sends again is
/// charged again, and limits that are counted per token know the token.
///
/// A request whose token the provider does not take (401) is sent once more with a new one, unless its body is a
/// stream. One that has an `Authorization` field already, or no organisation, is sent as it is.
///
/// A token is waited for until the request's [`Within`](crate::Within), or 30 s; where there is none the request fails
/// with [`Error::Token`] and is not sent.
///
/// # Examples
/// ```
/// # fn example(tokens: tollgate_reqwest::oauth::TokenSource, limited: tollgate_reqwest::TollgateMiddleware) {
/// use tollgate_reqwest::oauth::OauthMiddleware;
///
/// let http = reqwest_middleware::ClientBuilder::new(reqwest::Client::new())
///     .with(OauthMiddleware::new(tokens))
///     .with(limited)
///     .build();
/// # }
/// ```
pub struct OauthMiddleware {
    tokens: TokenSource,
    org_of: OrgOf,
}

impl OauthMiddleware {
    /// One for requests that say with an [`Org`](crate::Org) which organisation they are for.
    #[must_use]
    pub fn new(tokens: TokenSource) -> Self {
        Self::by(tokens, |out| out.org().map(str::to_owned))
    }

    /// One that is told by a function for which organisation a request is; `None` lets it pass as it is.
    #[must_use]
    pub fn by(
        tokens: TokenSource,
        org_of: impl Fn(&Outgoing<'_>) -> Option<String> + Send + Sync + 'static,
    ) -> Self {
        Self { tokens, org_of: Box::new(org_of) }
    }

    /// Sends with the organisation's token, and once more where that is not taken.
    async fn send(
        &self,
        org: &str,
        mut request: Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> Result<Response> {
        let deadline = deadline::share(extensions, WITHIN);
        let copy = request.try_clone();
        let token = self.authorize(org, &mut request, deadline).await?;
        let response = next.clone().run(request, extensions).await?;
        if response.status() != StatusCode::UNAUTHORIZED {
            token.worked();
            return Ok(response);
        }
        let may_ask = self.tokens.reject(org, token.header());
        let Some(mut request) = copy.filter(|_| may_ask) else { return Ok(response) };
        // The rejected call is over: its place among those in flight is free for the next one.
        drop(response);
        let token = self.authorize(org, &mut request, deadline).await?;
        let response = next.run(request, extensions).await?;
        if response.status() != StatusCode::UNAUTHORIZED {
            token.worked();
        }
        Ok(response)
    }

    async fn authorize(&self, org: &str, request: &mut Request, deadline: Instant) -> Result<Arc<Token>> {
        let token = self.tokens.token(org, deadline).await.map_err(Error::Token)?;
        request.headers_mut().insert(AUTHORIZATION, token.header().clone());
        Ok(token)
    }
}

#[async_trait]
impl Middleware for OauthMiddleware {
    async fn handle(
        &self,
        request: Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> Result<Response> {
        let org = (self.org_of)(&Outgoing::new(&request, extensions));
        let Some(org) = org.filter(|_| !request.headers().contains_key(AUTHORIZATION)) else {
            return next.run(request, extensions).await;
        };
        let outcome = self.send(&org, request, extensions, next).await;
        deadline::forget(extensions);
        outcome
    }
}

impl fmt::Debug for OauthMiddleware {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OauthMiddleware").field("tokens", &self.tokens).finish_non_exhaustive()
    }
}
