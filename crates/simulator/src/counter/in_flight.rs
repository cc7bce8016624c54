//! Calls in flight.

use std::time::Duration;

use super::counter::Terms;

/// When a call in flight will be over nobody knows, so whoever is refused is told the least that a header can say.
const TOLD: Duration = Duration::from_secs(1);

#[derive(Clone, Debug, Default)]
pub(crate) struct InFlight {
    used: u64,
}

impl InFlight {
    pub(super) fn wait(&self, terms: Terms, cost: u64) -> Duration {
        if self.used + cost <= terms.value { Duration::ZERO } else { TOLD }
    }

    pub(super) fn take(&mut self, cost: u64) {
        self.used += cost;
    }

    pub(super) fn finish(&mut self, cost: u64) {
        self.used = self.used.saturating_sub(cost);
    }

    pub(super) fn used(&self) -> u64 {
        self.used
    }
}
