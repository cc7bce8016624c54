//! What becomes of requests while the store does not answer.

/// What becomes of a request that the store can't be asked about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnStoreError {
    /// It fails, with [`Error::Limiter`](crate::Error::Limiter), and is not sent.
    #[default]
    Fail,
    /// It is sent without a permit. Nothing is charged, so the fleet may send more than its limits allow while this
    /// lasts.
    SendAnyway,
}
