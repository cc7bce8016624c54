//! What the service counts of itself, beside what its limiter counts, and how all of it is written.

mod build;
mod format;
mod http;
mod process;
mod service;

pub(crate) use format::Format;
pub(crate) use http::note;
pub(crate) use service::ServiceMetrics;
