//! How callers keep to a provider's limits: by waiting after a refusal, by counting alone, or by Tollgate.

use std::time::Duration;

use anyhow::Result;
use tollgate::Tollgate;
use tollgate_demo::TokenBucket;

use crate::world::{Traffic, World, pass};

/// What callers do who have been refused and are not told for how long.
const BACK_OFF: Duration = Duration::from_secs(3);

/// How one replica's callers keep to the limits.
#[derive(Clone)]
pub(crate) enum Discipline {
    /// They send, and wait when they are refused.
    RetryOnly,
    /// The same, behind a token bucket of their process.
    PerProcess(TokenBucket),
    /// They ask for permits, and tell what they were answered.
    Tollgate(Tollgate),
}

impl Discipline {
    /// Sends call after call.
    pub(crate) async fn work(self, world: World, traffic: Traffic) -> Result<()> {
        loop {
            let came = match &self {
                Self::RetryOnly => world.send(&traffic).await?,
                Self::PerProcess(bucket) => {
                    bucket.take().await;
                    world.send(&traffic).await?
                }
                Self::Tollgate(gate) => {
                    let call = traffic.call();
                    let permit = gate.acquire(&call).await?;
                    let came = world.send(&traffic).await?;
                    gate.observe(&permit, &came.answer()).call(&call).await?;
                    came
                }
            };
            if came.is_refused() && !matches!(self, Self::Tollgate(_)) {
                pass(came.retry_after().unwrap_or(BACK_OFF)).await;
            }
        }
    }
}
