//! Tollgate in front of `reqwest`: calls wait for their limits, refusals reach the whole fleet, tokens renew
//! themselves.
//!
//! A [`TollgateMiddleware`] stands in a `reqwest-middleware` client. It has a [`Call`](tollgate::Call) made of each
//! request, waits for its permit, sends it, reads what the answer says of limits, tells the fleet, and sends again what
//! can safely be sent again. In front of it an [`OauthMiddleware`](oauth::OauthMiddleware) gives each organisation its
//! own token.
//!
//! ```no_run
//! # async fn example(gate: tollgate::Tollgate) -> Result<(), Box<dyn std::error::Error>> {
//! use tollgate_reqwest::{Org, Outgoing, TollgateMiddleware, refused_in};
//!
//! let limited = TollgateMiddleware::new(gate, |out: &Outgoing<'_>| Some(out.call().org(out.org()?).client("app-1")));
//! let http = reqwest_middleware::ClientBuilder::new(reqwest::Client::new()).with(limited).build();
//!
//! match http.get("https://api.example.com/v2/users").with_extension(Org::new("acme")).send().await {
//!     Ok(answer) => println!("{}", answer.status()),
//!     Err(error) => match refused_in(&error) {
//!         Some(refused) => println!("come back in {:?}", refused.retry_after),
//!         None => return Err(error.into()),
//!     },
//! }
//! # Ok(()) }
//! ```

mod answered;
mod attempts;
mod backoff;
mod body;
mod budget;
mod builder;
mod clock;
mod deadline;
mod error;
mod in_flight;
mod middleware;
pub mod oauth;
mod on_store_error;
mod outgoing;
mod retry;

pub use budget::RetryBudget;
pub use builder::Builder;
pub use deadline::Within;
pub use error::{Error, Refused, RefusedBy, error_in, refused_in};
pub use middleware::TollgateMiddleware;
pub use on_store_error::OnStoreError;
pub use outgoing::{Org, Outgoing};
