//! A quota-limited provider with hidden limits and a ledger that judges: what a limiter is tried against.
//!
//! [`Provider`] is the whole of it without a clock: it is told what arrives when, and answers as a real provider would.
//! So a test can let hours pass in virtual time, and the same [`Seed`] makes the same run. [`Server`] puts it on a
//! loopback port, on the real clock. Both keep a [`Ledger`] of every call, which works out by itself whether a true
//! limit was exceeded.
//!
//! ```
//! use tollgate_simulator::{Arrival, Config, Provider, Seed, Time, Verdict};
//!
//! # fn main() -> Result<(), tollgate_simulator::ConfigError> {
//! let config = Config::from_toml(
//!     r#"
//!     shape = "genesys-cloud"
//!     [[limit]]
//!     name = "platform.api/token.rate.per.minute"
//!     per = ["token"]
//!     kind = "fixed-window"
//!     value = 2
//!     window = "60s"
//!     "#,
//! )?;
//! let mut provider = Provider::new(config, Seed::new(1));
//! let call = Arrival::get("/api/v2/users").org("acme").client("app-1").token("t-1");
//! let verdicts = [0, 1, 2, 60].map(|second| provider.arrive(Time::from_secs(second), &call).verdict);
//! assert_eq!(verdicts, [Verdict::Done, Verdict::Done, Verdict::Refused, Verdict::Done]);
//! assert!(provider.ledger().excesses().is_empty());
//! # Ok(())
//! # }
//! ```

mod answer;
mod arrival;
mod background;
mod clock;
mod config;
mod counter;
mod http;
mod ledger;
mod limit;
mod limits_api;
mod oauth;
mod outcome;
mod provider;
mod random;
mod symbols;
mod time;

pub use answer::Answer;
pub use arrival::Arrival;
pub use config::{Config, ConfigError};
pub use http::Server;
pub use ledger::{Entry, Excess, Ledger, Origin, Scope, Selection, jain};
pub use limit::{LimitName, NameError};
pub use oauth::{Caller, TokenRequest};
pub use outcome::{CallId, Fault, Outcome, Verdict};
pub use provider::Provider;
pub use random::Seed;
pub use time::Time;
