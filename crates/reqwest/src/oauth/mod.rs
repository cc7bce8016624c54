//! Tokens of OAuth clients, one for each organisation: asked for once, renewed in time, never shown.
//!
//! A [`TokenSource`] knows the [`Credentials`] of each organisation and gets tokens for them by the grant that machines
//! use (`client_credentials`, RFC 6749 section 4.4). An [`OauthMiddleware`] sends each request with the token of its
//! organisation.

mod account;
mod credentials;
mod error;
mod fetch;
mod middleware;
mod source;
mod token;

pub use credentials::Credentials;
pub use error::TokenError;
pub use middleware::OauthMiddleware;
pub use secrecy::SecretString;
pub use source::TokenSource;
