//! The answer of a provider, as much of it as is looked at.

use http::HeaderMap;
use std::time::SystemTime;

/// The answer of a provider to a call.
#[derive(Debug, Clone, Copy)]
pub struct Answer<'a> {
    /// The HTTP status.
    pub status: u16,
    /// The header fields.
    pub headers: &'a HeaderMap,
    /// The body, or the beginning of it, without any transfer or content coding; `None` where it was not read.
    /// [`Adapter::body_bytes`](super::Adapter::body_bytes) tells how much of it is of use.
    pub body: Option<&'a [u8]>,
    /// When it came, by the clock of this process. Points in time that the answer names are counted from its own `Date`
    /// field; this is used only where it has none, as the clock may be wrong.
    pub received_at: SystemTime,
}
