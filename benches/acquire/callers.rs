//! Callers that each make one call after the other.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::rig::{Rig, Subject};

/// So many callers that make so many calls between them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Callers {
    pub(crate) callers: usize,
    pub(crate) calls: u64,
}

/// What they saw.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) elapsed: Duration,
    /// How long each call took, the shortest first.
    latencies: Vec<Duration>,
}

impl Callers {
    #[expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
    pub(crate) fn run(self, rig: &Rig, subject: Subject) -> Run {
        let left = Arc::new(AtomicU64::new(self.calls));
        rig.runtime().block_on(async {
            let began = Instant::now();
            let callers: Vec<_> = (0..self.callers)
                .map(|number| {
                    let (mut caller, left) = (rig.caller(subject, number), Arc::clone(&left));
                    tokio::spawn(async move {
                        let mut latencies = Vec::new();
                        while left
                            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1))
                            .is_ok()
                        {
                            let began = Instant::now();
                            caller.call().await;
                            latencies.push(began.elapsed());
                        }
                        latencies
                    })
                })
                .collect();
            let mut latencies = Vec::new();
            for caller in callers {
                latencies.extend(caller.await.expect("a caller does not panic"));
            }
            let elapsed = began.elapsed();
            latencies.sort_unstable();
            Run { elapsed, latencies }
        })
    }
}

impl Run {
    #[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52 calls")]
    pub(crate) fn per_second(&self) -> f64 {
        self.latencies.len() as f64 / self.elapsed.as_secs_f64()
    }

    /// The latency that `percent` of the calls did not exceed, in microseconds.
    pub(crate) fn percentile_us(&self, percent: usize) -> f64 {
        let rank = (self.latencies.len() * percent).div_ceil(100).max(1);
        self.latencies[rank - 1].as_secs_f64() * 1e6
    }
}
