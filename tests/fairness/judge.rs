//! What may be said of every fleet, by its ledger and by what it is made of alone.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Result, ensure};

use crate::figures::{jain, mean, tokens};
use crate::fleet::Granted;
use crate::scenario::{MEASURED, Org, SETTLED, Scenario, Scope, SharedLimit};

/// Shares are compared where they are of so many calls at least.
const CALLS_LEAST: f64 = 40.0;

pub(crate) struct Judge<'a> {
    pub(crate) scenario: &'a Scenario,
    /// Every grant of the whole run, but those of calls that were given up.
    pub(crate) granted: Vec<Granted>,
}

/// A limit for one client, or for all.
type Bucket = (usize, Option<usize>);

impl Judge<'_> {
    pub(crate) fn check(&self) -> Result<()> {
        let buckets = self.buckets();
        for (&bucket, granted) in &buckets {
            never_over(&self.scenario.limits[bucket.0], granted)?;
        }
        let used = buckets.iter().map(|(&bucket, granted)| {
            let limit = &self.scenario.limits[bucket.0];
            (bucket, tokens(&measured(granted)) / f64::from(limit.rate) / MEASURED.as_secs_f64())
        });
        let used: BTreeMap<_, _> = used.collect();
        self.nothing_wasted(&used)?;
        self.nobody_starves(&buckets)?;
        self.equal_get_equal()
    }

    fn org(&self, name: &str) -> Option<&Org> {
        self.scenario.orgs.iter().find(|org| org.name == name)
    }

    /// The grants that were charged to each bucket.
    fn buckets(&self) -> BTreeMap<Bucket, Vec<Granted>> {
        let mut buckets = BTreeMap::<_, Vec<_>>::new();
        for granted in &self.granted {
            let Some(org) = self.org(&granted.org) else { continue };
            for bucket in self.path(org) {
                buckets.entry(bucket).or_default().push(granted.clone());
            }
        }
        buckets
    }

    fn path(&self, org: &Org) -> Vec<Bucket> {
        let limits = self.scenario.limits.iter().enumerate().filter(|(_, limit)| org.passes(limit));
        limits.map(|(index, limit)| (index, (limit.scope == Scope::Client).then_some(org.client))).collect()
    }

    /// Those who ask for more than they can get while it is measured.
    fn hungry(&self) -> impl Iterator<Item = &Org> {
        let live = |org: &&Org| org.replicas.iter().any(|replica| self.scenario.dies != Some(*replica));
        self.scenario.orgs.iter().filter(live).filter(|org| !self.path(org).is_empty())
    }

    /// Of every hungry organisation one bucket has nothing left: it is what binds. Nothing is said of buckets that
    /// are full again within two round trips of the farthest replica.
    fn nothing_wasted(&self, used: &BTreeMap<Bucket, f64>) -> Result<()> {
        let farthest = self.scenario.round_trips.iter().max().copied().unwrap_or_default().as_secs_f64();
        let most = self.scenario.orgs.iter().map(|org| org.cost).max().unwrap_or(1);
        for org in self.hungry() {
            let path = self.path(org);
            let is_large = |&(index, _): &Bucket| {
                let SharedLimit { rate, burst, .. } = self.scenario.limits[index];
                burst >= 5 * most && f64::from(burst) >= 2.0 * f64::from(rate) * farthest
            };
            if path.iter().all(is_large) {
                let best = path.iter().filter_map(|bucket| used.get(bucket)).copied().fold(0.0, f64::max);
                ensure!(best >= 0.98, "wasted, as {} sees it: {used:?}", org.name);
            }
        }
        Ok(())
    }

    /// Everybody has at one limit on its path at least half of its part of what is granted there. A bucket that is full
    /// again sooner than its call can come is not kept for long enough to promise that.
    fn nobody_starves(&self, buckets: &BTreeMap<Bucket, Vec<Granted>>) -> Result<()> {
        for org in self.hungry().filter(|org| self.is_in_reach(org)) {
            let share = tokens(&self.share(org));
            let due = self.path(org).into_iter().map(|bucket| {
                let sharing = self.scenario.orgs.iter().filter(|org| self.path(org).contains(&bucket));
                let all: u32 = sharing.map(Org::heft).sum();
                let granted = buckets.get(&bucket).map(|granted| tokens(&measured(granted)));
                granted.unwrap_or_default() * f64::from(org.heft()) / f64::from(all)
            });
            let due = due.fold(f64::MAX, f64::min);
            if due >= 10.0 * f64::from(org.cost) {
                ensure!(share >= due / 2.0, "{} got {share} of {due}", org.name);
            }
        }
        Ok(())
    }

    /// Whether every bucket of an organisation takes longer to fill up than the way to its nearest replica and back.
    fn is_in_reach(&self, org: &Org) -> bool {
        let live = org.replicas.iter().filter(|replica| self.scenario.dies != Some(**replica));
        let nearest = live.map(|&replica| self.scenario.round_trips[replica]).min().unwrap_or_default();
        self.path(org).into_iter().all(|(index, _)| {
            let SharedLimit { rate, burst, .. } = self.scenario.limits[index];
            f64::from(burst) >= f64::from(rate) * nearest.as_secs_f64()
        })
    }

    fn share(&self, org: &Org) -> Vec<Granted> {
        let own = self.granted.iter().filter(|granted| granted.org == org.name);
        measured(&own.cloned().collect::<Vec<_>>())
    }

    /// Those on the same path with the same weight have the same shares. Nothing is promised to who comes later than
    /// its bucket is full again.
    fn equal_get_equal(&self) -> Result<()> {
        let mut groups = BTreeMap::<_, Vec<_>>::new();
        for org in self.hungry().filter(|org| self.is_in_reach(org)) {
            let group = (self.path(org), org.heft());
            groups.entry(group).or_default().push((org, tokens(&self.share(org))));
        }
        for (group, shares) in groups {
            let amounts = || shares.iter().map(|(_, share)| *share);
            let cost = shares.iter().map(|(org, _)| org.cost).max().unwrap_or(1);
            if shares.len() > 1 && mean(amounts()) >= CALLS_LEAST * f64::from(cost) {
                let fairness = jain(amounts());
                let shown: BTreeMap<_, _> = shares.iter().map(|(org, share)| (&org.name, share)).collect();
                ensure!(fairness >= 0.99, "Jain {fairness} of {group:?}: {shown:?}");
            }
        }
        Ok(())
    }
}

/// What was granted while everything was as it should be.
fn measured(granted: &[Granted]) -> Vec<Granted> {
    let window = SETTLED..SETTLED + MEASURED;
    granted.iter().filter(|granted| window.contains(&Duration::from_micros(granted.at_us))).cloned().collect()
}

/// That no interval holds more than the burst and what is earned in it. The worst interval that ends with a grant is
/// kept track of: it is the one before with this grant at its end, or begins here.
fn never_over(limit: &SharedLimit, granted: &[Granted]) -> Result<()> {
    let mut granted: Vec<_> = granted.iter().map(|granted| (granted.at_us, granted.cost)).collect();
    granted.sort_unstable();
    let (mut over, mut last_us) = (0_i128, 0);
    for (at_us, cost) in granted {
        let earned = i128::from(limit.rate) * i128::from(at_us - last_us);
        over = (over - earned).max(0) + i128::from(cost) * 1_000_000;
        last_us = at_us;
        ensure!(over <= i128::from(limit.burst) * 1_000_000, "{limit:?} is over by {over} at {at_us} us");
    }
    Ok(())
}
