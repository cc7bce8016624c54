//! The ledger: every grant with the store's time of it, and what may be said of them. It knows nothing of how they came about.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Result, ensure};

/// One grant.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Grant {
    /// Microseconds by the store's clock.
    pub(crate) at_us: u64,
    pub(crate) org: String,
    pub(crate) permit: String,
}

/// Grants in the order of their time.
#[derive(Clone, Debug)]
pub(crate) struct Ledger {
    grants: Vec<Grant>,
}

impl Ledger {
    /// The ledger of these grants. Each must have a permit of its own.
    pub(crate) fn new(mut grants: Vec<Grant>) -> Result<Self> {
        grants.sort_unstable();
        let permits: BTreeSet<_> = grants.iter().map(|grant| &grant.permit).collect();
        ensure!(permits.len() == grants.len(), "{} permits for {} grants", permits.len(), grants.len());
        Ok(Self { grants })
    }

    pub(crate) fn orgs(&self) -> BTreeSet<String> {
        self.grants.iter().map(|grant| grant.org.clone()).collect()
    }

    /// The grants of one org.
    pub(crate) fn of(&self, org: &str) -> Self {
        Self { grants: self.grants.iter().filter(|grant| grant.org == org).cloned().collect() }
    }

    /// That no window of this length holds more than `most` grants, whichever grant it begins with.
    pub(crate) fn no_window_holds_more_than(&self, most: usize, window: Duration) -> Result<()> {
        for run in self.grants.windows(most + 1) {
            let length = Duration::from_micros(run[most].at_us - run[0].at_us);
            ensure!(length > window, "{} grants within {length:?}", most + 1);
        }
        Ok(())
    }

    /// That no interval holds more grants than `burst` and what `rate` tokens a second give in it.
    pub(crate) fn never_over(&self, burst: u64, rate: u64) -> Result<()> {
        for (first, from) in self.grants.iter().enumerate() {
            for (last, to) in self.grants.iter().enumerate().skip(first) {
                let (granted, most) =
                    ((last - first + 1) as u64, burst + rate * (to.at_us - from.at_us) / 1_000_000);
                ensure!(granted <= most, "{granted} grants from {from:?} to {to:?}, {most} are allowed");
            }
        }
        Ok(())
    }

    /// That from the first grant to the last there were at least so many a second.
    #[expect(clippy::cast_precision_loss, reason = "a few thousand grants in some seconds")]
    pub(crate) fn sustains(&self, least_per_second: f64) -> Result<()> {
        let (Some(first), Some(last)) = (self.grants.first(), self.grants.last()) else {
            anyhow::bail!("nothing was granted")
        };
        let seconds = (last.at_us - first.at_us) as f64 / 1e6;
        let per_second = (self.grants.len() - 1) as f64 / seconds;
        println!(
            "{} grants in {seconds:.1} s: {per_second:.2} a second, at least {least_per_second:.2}",
            self.grants.len()
        );
        ensure!(per_second >= least_per_second, "{per_second} a second, {least_per_second} are expected");
        Ok(())
    }
}
