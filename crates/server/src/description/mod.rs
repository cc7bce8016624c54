//! What the API says of itself: an OpenAPI 3.1 document, put together from what stands beside each handler.
//!
//! An operation is a handler with `#[utoipa::path]` on it and a line in `routes.rs`. What is so of all operations, such
//! as the namespace in their paths and the problems that any of them may tell, is added here, once.

mod document;
mod polish;
mod problems;
mod schema;

pub(crate) use document::{complete, frame, written};
pub(crate) use problems::{IN_NAMESPACE, OF_STORE, WITH_BODY, problems, responses_of};
pub(crate) use schema::{only_false, only_true};
