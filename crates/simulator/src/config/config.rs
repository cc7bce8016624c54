//! A configuration that was checked.

use std::fmt;
use std::time::Duration;

use super::check;
use super::document::{Code, Reset, RetryAfter, Shape};
use super::error::ConfigError;
use super::read;
use crate::arrival::Arrival;
use crate::limit::Rules;
use crate::time::Time;

/// What a provider is: its limits, its answers, its clients, and what goes wrong.
///
/// Written in TOML; `examples/provider.toml` shows every field. What is not given is not there: without a `[[limit]]`
/// nothing is refused, and without `[oauth]` nobody is asked for a token.
///
/// ```
/// use tollgate_simulator::Config;
///
/// let config = Config::from_toml(
///     r#"
///     shape = "genesys-cloud"
///
///     [[limit]]
///     name = "directory/user.rate.per.minute"
///     per = ["org"]
///     path = "/api/v2/users/**"
///     kind = "fixed-window"
///     value = 180
///     window = "0s"
///     "#,
/// );
/// let error = config.expect_err("a window has a length");
/// assert_eq!(error.field, "limit[0].window");
/// ```
#[derive(Clone, Debug)]
pub struct Config {
    pub(crate) shape: Shape,
    pub(crate) throttle: Throttle,
    pub(crate) rules: Rules,
    pub(crate) background: Vec<BackgroundLoad>,
    pub(crate) clients: Vec<Client>,
    pub(crate) oauth: Option<Oauth>,
    pub(crate) latency: Latency,
    pub(crate) faults: Faults,
}

/// What refusals look like.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Throttle {
    pub(crate) retry_after: RetryAfter,
    pub(crate) code: Code,
    pub(crate) reset: Reset,
    pub(crate) status: u16,
}

/// Calls of others.
#[derive(Clone, Debug)]
pub(crate) struct BackgroundLoad {
    pub(crate) call: Arrival,
    /// The mean time between two of them.
    pub(crate) gap: Duration,
    pub(crate) process: Process,
    pub(crate) from: Time,
    pub(crate) until: Time,
}

/// How calls of others are spread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Process {
    Poisson,
    Regular,
}

/// An OAuth client and the organisation that it belongs to.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    pub(crate) id: String,
    pub(crate) secret: Secret,
    pub(crate) org: String,
}

/// A secret, which is never shown.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret(pub(crate) String);

/// Tokens.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Oauth {
    pub(crate) lifetime: Duration,
}

/// How long answers take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Latency {
    pub(crate) base: Duration,
    pub(crate) jitter: Duration,
}

/// What goes wrong, apart from limits.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Faults {
    pub(crate) reset: f64,
    pub(crate) error: f64,
    pub(crate) status: u16,
    pub(crate) counted: bool,
}

impl Config {
    /// Reads and checks a configuration.
    ///
    /// # Errors
    /// For the first field that is wrong, with its path and what would be right.
    pub fn from_toml(text: &str) -> Result<Self, ConfigError> {
        check::checked(read::toml(text)?)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Secret(..)")
    }
}
