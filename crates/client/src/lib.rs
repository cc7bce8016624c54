//! Tollgate, the client crate.
