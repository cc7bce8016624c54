//! The provider and its clock, shared by all connections.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::clock::{self, Clock};
use crate::config::Config;
use crate::outcome::{CallId, Outcome};
use crate::provider::Provider;
use crate::random::Seed;
use crate::time::Time;

/// What a server serves.
#[derive(Clone, Debug)]
pub(super) struct World {
    config: Arc<Config>,
    seed: Seed,
    run: Arc<Mutex<Run>>,
}

/// One run of the provider, from one start to the next.
#[derive(Debug)]
struct Run {
    number: u64,
    clock: Clock,
    provider: Provider,
}

/// A call that is being answered. It is over when this is dropped, also where its sender hung up.
#[derive(Debug)]
pub(super) struct InFlight {
    world: World,
    run: u64,
    call: CallId,
}

impl World {
    pub(super) fn new(config: Config, seed: Seed) -> Self {
        let run = Run::start(0, config.clone(), seed);
        Self { config: Arc::new(config), seed, run: Arc::new(Mutex::new(run)) }
    }

    /// Begins anew: the clock at zero, no call in the ledger, no token in force.
    pub(super) fn reset(&self) {
        let mut run = self.lock();
        *run = Run::start(run.number + 1, (*self.config).clone(), self.seed);
    }

    /// Does something with the provider, now.
    pub(super) fn with<T>(&self, work: impl FnOnce(&mut Provider, Time) -> T) -> T {
        let mut run = self.lock();
        let now = run.clock.now();
        work(&mut run.provider, now)
    }

    /// Lets the provider decide about a call, which is in flight from here on.
    pub(super) fn call(&self, decide: impl FnOnce(&mut Provider, Time) -> Outcome) -> (Outcome, InFlight) {
        let mut run = self.lock();
        let now = run.clock.now();
        let outcome = decide(&mut run.provider, now);
        let in_flight = InFlight { world: self.clone(), run: run.number, call: outcome.call };
        (outcome, in_flight)
    }

    fn lock(&self) -> MutexGuard<'_, Run> {
        // What a panicking handler leaves behind is a whole ledger all the same.
        self.run.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Run {
    fn start(number: u64, config: Config, seed: Seed) -> Self {
        let provider = Provider::new(config, seed).started_at(clock::epoch_seconds());
        Self { number, clock: Clock::start(), provider }
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        let mut run = self.world.lock();
        // Calls of a run before have other numbers than those of this one.
        if run.number == self.run {
            let now = run.clock.now();
            run.provider.finish(now, self.call);
        }
    }
}
