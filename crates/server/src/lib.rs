//! Tollgate, the service: the acquire and admin API over HTTP, and the command line of the binary `tollgate`.
//!
//! [`router`] is the API over a limiter of this process, for programs that have a server of their own; [`Server`] is
//! the whole service: connections, time limits, and an end that answers what is in flight.

mod access;
mod api;
mod app;
mod body;
mod cli;
mod clock;
mod commands;
mod config;
mod description;
mod entity_tag;
mod host;
mod listen;
mod logging;
mod metrics;
mod object;
mod outage_log;
mod params;
mod policy_file;
mod problem;
mod ratelimit_fields;
mod rfc3339;
mod routes;
mod server;
mod settings;
mod shutdown;
mod span;
mod telemetry;
mod tls;
mod whole;

pub use cli::run;
pub use routes::router;
pub use server::Server;
pub use shutdown::Shutdown;
