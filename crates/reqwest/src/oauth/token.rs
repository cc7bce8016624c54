//! A token, and for how long it is good.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http::HeaderValue;

use crate::clock::Instant;

/// A token is renewed so long before it expires, at least; clocks and ways differ.
const MARGIN: Duration = Duration::from_secs(60);
/// What it counts for where the endpoint does not say how long: the shortest that a provider is known to give.
const LIFETIME_UNSAID: Duration = Duration::from_secs(300);
/// Longer ones are renewed all the same.
const LIFETIME_MAX: Duration = Duration::from_secs(30 * 86_400);

/// A token in force.
#[derive(Debug)]
pub(super) struct Token {
    /// `Bearer ...`, marked as sensitive: `Debug` does not show it.
    header: HeaderValue,
    renew_at: Instant,
    expires_at: Instant,
    /// Whether the provider has taken it at least once.
    has_worked: AtomicBool,
}

impl Token {
    /// One that was asked for at `asked_at`: it is never older than that.
    pub(super) fn new(header: HeaderValue, lifetime: Option<Duration>, asked_at: Instant) -> Self {
        let lifetime = lifetime.unwrap_or(LIFETIME_UNSAID).min(LIFETIME_MAX);
        Self {
            header,
            renew_at: asked_at + renewed_after(lifetime),
            expires_at: asked_at + lifetime,
            has_worked: AtomicBool::new(false),
        }
    }

    pub(super) fn header(&self) -> &HeaderValue {
        &self.header
    }

    pub(super) fn is_good(&self, now: Instant) -> bool {
        now < self.expires_at
    }

    pub(super) fn is_to_be_renewed(&self, now: Instant) -> bool {
        now >= self.renew_at
    }

    pub(super) fn worked(&self) {
        self.has_worked.store(true, Ordering::Relaxed);
    }

    pub(super) fn has_worked(&self) -> bool {
        self.has_worked.load(Ordering::Relaxed)
    }
}

/// At 11/12 of its life and at least a minute before its end; of a short one half is used in any case.
fn renewed_after(lifetime: Duration) -> Duration {
    (lifetime * 11 / 12).min(lifetime.saturating_sub(MARGIN)).max(lifetime / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_renewed_in_time_and_not_all_the_time() {
        for (lifetime, at) in [(86_400, 79_200), (3_600, 3_300), (300, 240), (90, 45), (1, 0)] {
            assert_eq!(renewed_after(Duration::from_secs(lifetime)).as_secs(), at, "of {lifetime} s");
        }
    }
}
