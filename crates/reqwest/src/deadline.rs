//! Until when a request may wait, all its attempts together.

use std::time::Duration;

use http::Extensions;

use crate::clock::{self, Instant};

/// How long a request may wait for its limits, its token and its retries: an extension of the request.
///
/// It counts from the moment when the request reaches the first of this crate's middlewares. The time that the provider
/// takes to answer counts too, but an answer that is late is not cut off: that is for the timeout of `reqwest`.
///
/// ```
/// # fn example(http: &reqwest_middleware::ClientWithMiddleware) {
/// # use std::time::Duration;
/// # use tollgate_reqwest::Within;
/// let request = http.get("https://api.example.com/v2/users").with_extension(Within(Duration::from_secs(2)));
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Within(
    /// Zero means: not at all.
    pub Duration,
);

/// What [`Within`] came to, for the middlewares further in.
#[derive(Clone, Copy, Debug)]
struct Deadline(Instant);

/// Until when the request may wait; `default` from now where it does not say.
pub(crate) fn of(extensions: &Extensions, default: Duration) -> Instant {
    match (extensions.get::<Deadline>(), extensions.get::<Within>()) {
        (Some(&Deadline(at)), _) => at,
        (None, within) => clock::after(within.map_or(default, |within| within.0)),
    }
}

/// The same for a middleware that others stand behind: they go by what it has found. `forget` ends that.
pub(crate) fn share(extensions: &mut Extensions, default: Duration) -> Instant {
    let at = of(extensions, default);
    if extensions.get::<Within>().is_some() {
        extensions.insert(Deadline(at));
    }
    at
}

/// The next request with the same extensions has a deadline of its own.
pub(crate) fn forget(extensions: &mut Extensions) {
    extensions.remove::<Deadline>();
}
