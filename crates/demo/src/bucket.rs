//! A token bucket in one process: what a team writes that counts, and does not share what it has counted.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use http::Extensions;
use reqwest::{Request, Response};
use reqwest_middleware::{Middleware, Next};

use crate::clock::{self, Instant};

/// A token each `gap`, given in the order in which it was asked for, and none saved up. Its clones are one bucket.
///
/// The kindest of its kind: it never lets a burst through, and nobody waits longer than those before him take.
#[derive(Clone, Debug)]
pub struct TokenBucket {
    gap: Duration,
    next: Arc<Mutex<Instant>>,
}

impl TokenBucket {
    /// A bucket that has a token now, and then one each `gap`.
    #[must_use]
    pub fn with_gap(gap: Duration) -> Self {
        Self { gap, next: Arc::new(Mutex::new(clock::now())) }
    }

    /// Waits for a token.
    ///
    /// # Cancel safety
    /// Dropped while it waits its token is lost.
    pub async fn take(&self) {
        let turn = {
            let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
            let turn = (*next).max(clock::now());
            *next = turn + self.gap;
            turn
        };
        tokio::time::sleep_until(turn).await;
    }
}

#[async_trait]
impl Middleware for TokenBucket {
    async fn handle(
        &self,
        request: Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> reqwest_middleware::Result<Response> {
        self.take().await;
        next.run(request, extensions).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn tokens_come_one_each_gap_and_none_is_saved_up() {
        let bucket = TokenBucket::with_gap(Duration::from_millis(100));
        clock::pass(Duration::from_secs(10)).await;
        let began = clock::now();
        for _ in 0..5 {
            bucket.clone().take().await;
        }
        assert_eq!(clock::since(began), Duration::from_millis(400));
    }
}
