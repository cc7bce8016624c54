//! What everybody writes first: a call that was refused is sent again later.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use http::header::RETRY_AFTER;
use http::{Extensions, StatusCode};
use reqwest::{Request, Response};
use reqwest_middleware::{Middleware, Next};

use crate::clock;

/// Before the first retry where nobody says how long to wait, and twice as long before each further one.
const FIRST: Duration = Duration::from_millis(200);
const MOST: Duration = Duration::from_secs(10);

/// Sends a refused call again until it is done: after `Retry-After` and up to a tenth more, or else after a back-off
/// that doubles.
///
/// Written here, as the crates that retry do not wait for `Retry-After` and add jitter to it, and a baseline that does
/// without would be beaten too easily.
#[derive(Debug)]
pub(crate) struct Retry {
    random: Mutex<fastrand::Rng>,
}

impl Retry {
    pub(crate) fn new(seed: u64) -> Self {
        Self { random: Mutex::new(fastrand::Rng::with_seed(seed)) }
    }

    fn wait(&self, told: Option<Duration>, tries: u32) -> Duration {
        let drawn = self.random.lock().unwrap_or_else(PoisonError::into_inner).f64();
        if let Some(told) = told {
            return told + (told / 10).mul_f64(drawn);
        }
        let most = FIRST.saturating_mul(2_u32.saturating_pow(tries - 1)).min(MOST);
        most / 2 + (most / 2).mul_f64(drawn)
    }
}

/// Whole seconds, as this provider tells them.
fn retry_after(response: &Response) -> Option<Duration> {
    let seconds = response.headers().get(RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds))
}

#[async_trait]
impl Middleware for Retry {
    async fn handle(
        &self,
        mut request: Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> reqwest_middleware::Result<Response> {
        for tries in 1.. {
            let copy = request.try_clone();
            let response = next.clone().run(request, extensions).await?;
            let (StatusCode::TOO_MANY_REQUESTS, Some(copy)) = (response.status(), copy) else {
                return Ok(response);
            };
            clock::pass(self.wait(retry_after(&response), tries)).await;
            request = copy;
        }
        next.run(request, extensions).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_is_never_undercut_and_a_guess_doubles() {
        let retry = Retry::new(1);
        let told = Duration::from_secs(5);
        let waits: Vec<_> = (0..100).map(|_| retry.wait(Some(told), 1)).collect();
        assert!(waits.iter().all(|&wait| wait >= told && wait <= told + told / 10), "{waits:?}");
        assert!(waits.iter().any(|&wait| wait != waits[0]), "all come back at once: {waits:?}");
        for (tries, most) in [(1, 200), (2, 400), (6, 6_400), (7, 10_000), (u32::MAX, 10_000)] {
            let (wait, most) = (retry.wait(None, tries), Duration::from_millis(most));
            assert!(wait >= most / 2 && wait <= most, "{tries}: {wait:?}");
        }
    }
}
