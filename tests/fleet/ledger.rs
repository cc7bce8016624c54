//! The ledger: every grant with the store's time of it, and what may be said of them. It knows nothing of how they came
//! about.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::{Context, Result, ensure};

/// One grant.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Grant {
    /// Microseconds by the store's clock.
    pub(crate) at_us: u64,
    pub(crate) org: String,
    pub(crate) client: &'static str,
    pub(crate) priority: &'static str,
    pub(crate) replica: usize,
    /// Tokens.
    pub(crate) cost: u64,
    pub(crate) permit: String,
    /// From the question to the answer, as the caller saw it.
    pub(crate) waited: Duration,
}

/// Grants in the order of their time.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ledger {
    grants: Vec<Grant>,
}

/// What a bucket grants: a burst, and so many tokens in so much time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms {
    pub(crate) burst: u64,
    pub(crate) tokens: u64,
    pub(crate) per: Duration,
}

impl Terms {
    pub(crate) fn per_second(self) -> f64 {
        real(self.tokens) / self.per.as_secs_f64()
    }
}

impl Ledger {
    /// The ledger of these grants. Each must have a permit of its own.
    pub(crate) fn new(mut grants: Vec<Grant>) -> Result<Self> {
        grants.sort_unstable();
        let permits: BTreeSet<_> = grants.iter().map(|grant| &grant.permit).collect();
        ensure!(permits.len() == grants.len(), "{} permits for {} grants", permits.len(), grants.len());
        Ok(Self { grants })
    }

    pub(crate) fn grants(&self) -> &[Grant] {
        &self.grants
    }

    /// How many there are.
    pub(crate) fn count(&self) -> f64 {
        real(self.grants.len() as u64)
    }

    /// Those that are so.
    pub(crate) fn only(&self, is_so: impl Fn(&Grant) -> bool) -> Self {
        Self { grants: self.grants.iter().filter(|grant| is_so(grant)).cloned().collect() }
    }

    /// The grants of one org.
    pub(crate) fn of(&self, org: &str) -> Self {
        self.only(|grant| grant.org == org)
    }

    /// Those within a time by the store's clock.
    pub(crate) fn between(&self, from_us: u64, to_us: u64) -> Self {
        self.only(|grant| (from_us..to_us).contains(&grant.at_us))
    }

    pub(crate) fn orgs(&self) -> BTreeSet<String> {
        self.grants.iter().map(|grant| grant.org.clone()).collect()
    }

    /// How many there are of each org, replica, ...
    pub(crate) fn count_by<K: Ord>(&self, key: impl Fn(&Grant) -> K) -> BTreeMap<K, f64> {
        let mut counts = BTreeMap::new();
        for grant in &self.grants {
            *counts.entry(key(grant)).or_insert(0.0) += 1.0;
        }
        counts
    }

    /// The wait that `percent` of the callers did not exceed.
    pub(crate) fn waited(&self, percent: usize) -> Result<Duration> {
        let mut waits: Vec<_> = self.grants.iter().map(|grant| grant.waited).collect();
        waits.sort_unstable();
        let nth = (waits.len() * percent).div_ceil(100).max(1);
        waits.get(nth - 1).copied().context("nothing was granted")
    }

    /// That no window of this length holds more than `most` grants, whichever grant it begins with.
    pub(crate) fn no_window_holds_more_than(&self, most: usize, window: Duration) -> Result<()> {
        for run in self.grants.windows(most + 1) {
            let length = Duration::from_micros(run[most].at_us - run[0].at_us);
            ensure!(length > window, "{} grants within {length:?}", most + 1);
        }
        Ok(())
    }

    /// That no interval, whichever grant it begins and ends with, has more tokens than these terms give: a bucket of
    /// them is charged with one grant after the other, and must never owe more than its burst. It counts in tokens
    /// times microseconds.
    pub(crate) fn never_over(&self, terms: Terms) -> Result<()> {
        let per_us = terms.per.as_micros();
        let (mut owed, mut at_us) = (0_u128, 0);
        for grant in &self.grants {
            let earned = u128::from(terms.tokens) * u128::from(grant.at_us - at_us);
            owed = owed.saturating_sub(earned) + u128::from(grant.cost) * per_us;
            at_us = grant.at_us;
            ensure!(owed <= u128::from(terms.burst) * per_us, "{grant:?} goes beyond {terms:?}");
        }
        Ok(())
    }

    /// That from the first grant to the last there were at least so many a second.
    pub(crate) fn sustains(&self, least_per_second: f64) -> Result<()> {
        let (Some(first), Some(last)) = (self.grants.first(), self.grants.last()) else {
            anyhow::bail!("nothing was granted")
        };
        let seconds = real(last.at_us - first.at_us) / 1e6;
        let per_second = (self.count() - 1.0) / seconds;
        println!(
            "{} grants in {seconds:.1} s: {per_second:.2} a second, at least {least_per_second:.2}",
            self.grants.len()
        );
        ensure!(per_second >= least_per_second, "{per_second} a second, {least_per_second} are expected");
        Ok(())
    }
}

/// Jain's index of shares: 1 where all are equal, 1/n where one has everything.
pub(crate) fn jain<'a>(shares: impl IntoIterator<Item = &'a f64>) -> f64 {
    let (count, sum, squares) = shares.into_iter().fold((0.0, 0.0, 0.0), |(count, sum, squares), share| {
        (count + 1.0, sum + share, squares + share * share)
    });
    sum * sum / (count * squares)
}

/// A count as a real number.
#[expect(clippy::cast_precision_loss, reason = "grants, tokens, and microseconds of a test: far below 2^53")]
pub(crate) fn real(count: u64) -> f64 {
    count as f64
}
