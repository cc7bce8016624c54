//! Tollgate, the service.
