//! The way to the provider: how long calls and answers travel, and what came of them.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use http::{Extensions, StatusCode};
use reqwest::{Request, Response};
use reqwest_middleware::{Middleware, Next};
use tokio::sync::Semaphore;

use crate::clock;

/// Calls that the whole fleet sends at once. Each takes two sockets of this process, which may have 1,024 files open.
const SENT_AT_ONCE: usize = 256;

/// A network on which a call is up to so long on its way, and its answer as long again. Its clones are one network.
#[derive(Clone, Debug)]
pub(crate) struct Way {
    most: Duration,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    random: Mutex<fastrand::Rng>,
    sockets: Semaphore,
    answered: AtomicU64,
    refused: AtomicU64,
}

impl Way {
    pub(crate) fn new(most: Duration, seed: u64) -> Self {
        let shared = Shared {
            random: Mutex::new(fastrand::Rng::with_seed(seed)),
            sockets: Semaphore::new(SENT_AT_ONCE),
            answered: AtomicU64::new(0),
            refused: AtomicU64::new(0),
        };
        Self { most, shared: Arc::new(shared) }
    }

    /// How many calls were answered that were not refused.
    pub(crate) fn done(&self) -> u64 {
        self.shared.answered.load(Relaxed) - self.refused()
    }

    /// How many calls the provider has refused.
    pub(crate) fn refused(&self) -> u64 {
        self.shared.refused.load(Relaxed)
    }

    async fn travel(&self) {
        let drawn = self.shared.random.lock().unwrap_or_else(PoisonError::into_inner).f64();
        clock::pass(self.most.mul_f64(drawn)).await;
    }
}

#[async_trait]
impl Middleware for Way {
    async fn handle(
        &self,
        request: Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> reqwest_middleware::Result<Response> {
        self.travel().await;
        let response = {
            // It is never closed.
            let _socket = self.shared.sockets.acquire().await;
            next.run(request, extensions).await?
        };
        self.travel().await;
        // In this order nobody sees more refused than answered.
        self.shared.answered.fetch_add(1, Relaxed);
        if response.status() == StatusCode::TOO_MANY_REQUESTS {
            self.shared.refused.fetch_add(1, Relaxed);
        }
        Ok(response)
    }
}
