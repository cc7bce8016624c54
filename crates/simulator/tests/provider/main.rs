//! The provider as its users see it: in virtual time, over HTTP, and by its configuration.

#![expect(clippy::expect_used, reason = "helpers of tests panic as tests do")]

mod bad_configurations;
mod faults;
mod http;
mod http_hostile;
mod http_tokens;
mod limits_api;
mod million;
mod settings;
mod shapes;
mod stacked;
mod time_passes;
