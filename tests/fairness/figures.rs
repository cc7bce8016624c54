//! What a ledger comes to: shares, fairness, waits.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::fleet::Granted;

/// Tokens granted, by some key.
pub(crate) fn count_by<K: Ord>(granted: &[Granted], key: impl Fn(&Granted) -> K) -> BTreeMap<K, f64> {
    let mut counts = BTreeMap::new();
    for granted in granted {
        *counts.entry(key(granted)).or_default() += f64::from(granted.cost);
    }
    counts
}

/// All tokens granted.
pub(crate) fn tokens(granted: &[Granted]) -> f64 {
    granted.iter().map(|granted| f64::from(granted.cost)).sum()
}

/// The mean of shares.
pub(crate) fn mean(shares: impl IntoIterator<Item = f64>) -> f64 {
    let (count, sum) = shares.into_iter().fold((0.0, 0.0), |(count, sum), share| (count + 1.0, sum + share));
    sum / count
}

/// Jain's index of shares: 1 where all are equal, 1/n where one has everything.
pub(crate) fn jain(shares: impl IntoIterator<Item = f64>) -> f64 {
    let (count, sum, squares) = shares.into_iter().fold((0.0, 0.0, 0.0), |(count, sum, squares), share| {
        (count + 1.0, sum + share, squares + share * share)
    });
    sum * sum / (count * squares)
}

/// The wait that `percent` of the calls did not exceed.
pub(crate) fn percentile(granted: &[Granted], percent: usize) -> Result<Duration> {
    let mut waits: Vec<_> = granted.iter().map(|granted| granted.waited).collect();
    waits.sort_unstable();
    let rank = (waits.len() * percent).div_ceil(100).max(1);
    waits.get(rank - 1).copied().context("nothing was granted")
}
