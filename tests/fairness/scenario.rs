//! A fleet drawn from a seed: what it is made of, what happens to it, and what it is asked for.

use std::fmt::Write;
use std::time::Duration;

use anyhow::{Result, ensure};
use tollgate::{Call, Priority};

use crate::draw::Draw;
use crate::fleet::{Demand, Fleet, now};
use crate::judge::Judge;

/// Crashes, cancellations and changes happen before.
const CALM: Duration = Duration::from_secs(3);
/// From then on shares are what they should be.
pub(crate) const SETTLED: Duration = Duration::from_secs(5);
pub(crate) const MEASURED: Duration = Duration::from_secs(8);
const END: Duration = SETTLED.saturating_add(MEASURED);
/// Longer than anything is kept that says who has waited.
const SWEPT: Duration = Duration::from_secs(200);

/// By how much everybody asks for more than a fair share.
const HUNGER: f64 = 4.0;

#[derive(Debug)]
pub(crate) struct Scenario {
    pub(crate) round_trips: Vec<Duration>,
    pub(crate) limits: Vec<SharedLimit>,
    pub(crate) orgs: Vec<Org>,
    /// A replica that dies early.
    pub(crate) dies: Option<usize>,
}

/// A limit that organisations share.
#[derive(Debug)]
pub(crate) struct SharedLimit {
    pub(crate) scope: Scope,
    /// Tokens a second.
    pub(crate) rate: u32,
    pub(crate) burst: u32,
}

/// Who shares a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    Client,
    Everybody,
    Exports,
}

/// An organisation, all of whose calls are alike.
#[derive(Clone, Debug)]
pub(crate) struct Org {
    pub(crate) name: String,
    pub(crate) client: usize,
    pub(crate) exports: bool,
    pub(crate) weight: u32,
    pub(crate) priority: Priority,
    pub(crate) cost: u32,
    pub(crate) replicas: Vec<usize>,
}

impl Scenario {
    pub(crate) fn draw(draw: &mut Draw) -> Self {
        let round_trips = round_trips(draw);
        let limits = limits(draw);
        let least_burst = limits.iter().map(|limit| limit.burst).min().unwrap_or(1);
        let clients = draw.between(1, 2);
        let count = draw.one_of(&[1, 2, 5, 20, 60]);
        let alike = draw.one_in(2);
        let orgs = (0..draw.between(1, count)).map(|number| {
            let replicas =
                (0..round_trips.len()).filter(|_| count < 20 || draw.one_in(3)).collect::<Vec<_>>();
            Org {
                name: format!("org-{number}"),
                client: draw.below(clients),
                exports: draw.one_in(2),
                weight: if alike { 1 } else { draw.one_of(&[1, 1, 2, 5]) },
                priority: if alike {
                    Priority::Normal
                } else {
                    draw.one_of(&[Priority::Interactive, Priority::Normal, Priority::Batch])
                },
                cost: u32::try_from(draw.between(1, 3)).unwrap_or(1).min(least_burst),
                replicas: if replicas.is_empty() { vec![draw.below(round_trips.len())] } else { replicas },
            }
        });
        let orgs = orgs.collect();
        let dies = (round_trips.len() > 2 && draw.one_in(2)).then(|| draw.below(round_trips.len()));
        Self { round_trips, limits, orgs, dies }
    }

    /// The policy, with the weights of the organisations or, if they are not `weighted`, without.
    fn policy(&self, weighted: bool) -> String {
        let mut text = "namespace = 'genesys'\n".to_owned();
        for SharedLimit { scope, rate, burst } in &self.limits {
            let rule = match scope {
                Scope::Client => "name = 'client'\nper = ['client']",
                Scope::Everybody => "name = 'everybody'\nper = []",
                Scope::Exports => "name = 'exports'\nper = []\nwhen = { path = '/exports/**' }",
            };
            let _ = writeln!(text, "[[limit]]\n{rule}\nrate = '{rate}/s'\nburst = {burst}");
            for org in self.orgs.iter().filter(|_| weighted) {
                let _ = writeln!(text, "weight.{} = {}", org.name, org.weight);
            }
        }
        text
    }

    pub(crate) async fn run(&self, chaos: &mut Draw) -> Result<()> {
        let fleet = Fleet::start(&self.policy(false), &self.round_trips).await?;
        for demand in self.orgs.iter().flat_map(|org| self.demands(org)) {
            fleet.demand(&demand);
        }
        self.disturb(&fleet, chaos).await?;
        fleet.until(END).await;
        fleet.close().await?;
        Judge { scenario: self, granted: fleet.granted(Duration::ZERO, Duration::MAX)? }.check()?;
        tokio::time::sleep_until(now() + SWEPT).await;
        let left = fleet.store.records("genesys");
        let waited =
            left.iter().filter(|record| ["b:", "f:", "n:"].iter().any(|kind| record.starts_with(kind)));
        ensure!(waited.count() == 0, "not swept: {left:?}");
        Ok(())
    }

    /// What an organisation asks for at each of its replicas: more than it can get.
    fn demands(&self, org: &Org) -> Vec<Demand> {
        let most = self.limits.iter().map(|limit| limit.rate).max().unwrap_or(1);
        let all: u32 = self.orgs.iter().map(Org::heft).sum();
        let share = f64::from(most) * f64::from(org.heft()) / f64::from(all) / f64::from(org.cost);
        let demand = |&replica: &usize| {
            let took = 2.0 * self.round_trips[replica].as_secs_f64() + 0.02;
            let mut callers = 2;
            while f64::from(callers) < HUNGER * share * took {
                callers += 1;
            }
            Demand {
                replica,
                org: org.name.clone(),
                client: format!("app-{}", org.client),
                path: org.path(),
                priority: org.priority,
                cost: org.cost,
                callers: usize::try_from(callers).unwrap_or(2),
            }
        };
        org.replicas.iter().map(demand).collect()
    }

    /// What happens until it is calm: a replica dies, another stands still, calls are given up, weights change.
    async fn disturb(&self, fleet: &Fleet, draw: &mut Draw) -> Result<()> {
        for event in 0..10 {
            let replica = draw.below(self.round_trips.len());
            let org = &self.orgs[draw.below(self.orgs.len())];
            match event {
                1 => {
                    if let Some(dies) = self.dies {
                        fleet.kill(dies);
                    }
                }
                5 if self.dies != Some(replica) => {
                    fleet.hold(replica);
                    tokio::time::sleep_until(now() + draw.millis(10, 1000)).await;
                    fleet.resume(replica);
                }
                // Whoever has been killed has no policy to give.
                7 => fleet.govern(self.live(), &self.policy(true)).await?,
                _ => Self::give_up_some(fleet, org, replica, draw),
            }
            tokio::time::sleep_until(now() + draw.millis(0, 150)).await;
        }
        fleet.until(CALM).await;
        Ok(())
    }

    fn live(&self) -> usize {
        (0..self.round_trips.len()).find(|replica| self.dies != Some(*replica)).unwrap_or_default()
    }

    /// Calls that are given up after some time, granted or not.
    fn give_up_some(fleet: &Fleet, org: &Org, replica: usize, draw: &mut Draw) {
        for _ in 0..draw.below(30) {
            let (gate, patience) = (fleet.replicas[replica].clone(), draw.millis(0, 500));
            let call =
                Call::get(org.path()).org(&org.name).client(format!("app-{}", org.client)).cost(org.cost);
            tokio::spawn(async move {
                let _ = tokio::time::timeout(patience, gate.acquire(&call)).await;
            });
        }
    }
}

impl Org {
    fn path(&self) -> &'static str {
        if self.exports { "/exports/1" } else { "/users/1" }
    }

    /// Its weight times that of its priority.
    pub(crate) fn heft(&self) -> u32 {
        // Those of the priorities are the defaults.
        self.weight
            * match self.priority {
                Priority::Interactive => 128,
                Priority::Normal => 8,
                Priority::Batch => 1,
            }
    }

    /// Whether a limit applies to its calls.
    pub(crate) fn passes(&self, limit: &SharedLimit) -> bool {
        limit.scope != Scope::Exports || self.exports
    }
}

fn round_trips(draw: &mut Draw) -> Vec<Duration> {
    (0..draw.between(2, 20))
        .map(|_| match draw.below(3) {
            0 => Duration::ZERO,
            1 => draw.millis(0, 5),
            _ => draw.millis(0, 60),
        })
        .collect()
}

fn limits(draw: &mut Draw) -> Vec<SharedLimit> {
    let mut scopes = vec![Scope::Client, Scope::Everybody];
    (0..draw.between(1, 3))
        .map(|number| {
            let scope = scopes.swap_remove(draw.below(scopes.len()));
            // The first applies to every call.
            if number == 0 {
                scopes.push(Scope::Exports);
            }
            let rate = u32::try_from(draw.between(30, 300)).unwrap_or(30);
            let burst = draw.one_of(&[1, 3, 10, 30, 100, rate]);
            SharedLimit { scope, rate, burst }
        })
        .collect()
}
