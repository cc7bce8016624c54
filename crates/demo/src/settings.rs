//! How a demo is set up.

use std::ops::RangeInclusive;
use std::time::Duration;

use tollgate::StoreAddress;

use crate::error::DemoError;
use crate::scenario::Scenario;

/// Shortest run, in windows of the provider: what is hidden shows at the end of the first.
const WINDOWS_LEAST: u64 = 3;
const SECONDS_MOST: u64 = 3_600;
const REPLICAS: RangeInclusive<usize> = 1..=32;
const ORGS: RangeInclusive<usize> = 1..=100;
/// About this long, in whole windows: three of these and what comes after them take less than a minute.
const SECONDS: u64 = 12;

/// What a demo is made of.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The provider, what is known of it, and who else calls.
    pub scenario: Scenario,
    /// What the traffic is drawn from.
    pub seed: u64,
    /// How long each run is judged, at least three windows of the scenario, at most 3,600. Judged are the whole windows
    /// in it.
    pub seconds: u64,
    /// Processes that call, 1 to 32.
    pub replicas: usize,
    /// Organisations that they call for, 1 to 100.
    pub orgs: usize,
    /// Where Tollgate's counters are. Embedded, the replicas share one store of this process.
    pub store: StoreAddress,
}

impl Settings {
    /// Eight replicas and fifty organisations in a scenario, for about 12 s a run, on an embedded store.
    #[must_use]
    pub fn of(scenario: Scenario) -> Self {
        let seconds = (SECONDS - SECONDS % scenario.window_s).max(WINDOWS_LEAST * scenario.window_s);
        Self { scenario, seed: 1, seconds, replicas: 8, orgs: 50, store: StoreAddress::Embedded }
    }

    /// That every setting is in its range.
    pub(crate) fn check(&self) -> Result<(), DemoError> {
        let Scenario { window_s, name, .. } = &self.scenario;
        let least = WINDOWS_LEAST * window_s;
        if !(least..=SECONDS_MOST).contains(&self.seconds) {
            let expected =
                format!("{least} to {SECONDS_MOST}, as scenario {name} has windows of {window_s} s");
            return Err(DemoError::Setting { field: "seconds", value: self.seconds, expected });
        }
        for (field, value, range) in [("replicas", self.replicas, REPLICAS), ("orgs", self.orgs, ORGS)] {
            if !range.contains(&value) {
                let expected = format!("{} to {}", range.start(), range.end());
                return Err(DemoError::Setting { field, value: value as u64, expected });
            }
        }
        Ok(())
    }

    /// How long calls are sent before a run may end.
    pub(crate) fn length(&self) -> Duration {
        Duration::from_secs(self.seconds)
    }

    /// The whole windows in that, in seconds.
    pub(crate) fn judged_s(&self) -> u64 {
        self.seconds - self.seconds % self.scenario.window_s
    }
}
