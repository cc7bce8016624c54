//! What was asked of the store, and how that went.

use std::ptr;

use super::counter::{Counter, Gauge};
use super::histogram::{Histogram, SCRIPT_CALLS};
use crate::clock::{self, Instant};
use crate::engine::Script;
use crate::store::StoreError;

/// Counts script calls, and knows whether the last one was answered.
#[derive(Debug)]
pub(crate) struct StoreMeter {
    up: Gauge,
    pub(crate) repeats: Counter,
    scripts: [ScriptMeter; Script::ALL.len()],
}

/// What is counted of one script.
#[derive(Debug)]
pub(crate) struct ScriptMeter {
    outcomes: [Counter; OUTCOMES.len()],
    pub(crate) took: Histogram,
}

const OUTCOMES: [&str; 3] = ["answered", "unanswered", "failed"];
const ANSWERED: usize = 0;
const UNANSWERED: usize = 1;
const FAILED: usize = 2;

impl Default for StoreMeter {
    fn default() -> Self {
        Self {
            up: Gauge::new(1),
            repeats: Counter::default(),
            scripts: Script::ALL.map(|_| ScriptMeter::new()),
        }
    }
}

impl ScriptMeter {
    fn new() -> Self {
        Self { outcomes: OUTCOMES.map(|_| Counter::default()), took: Histogram::new(&SCRIPT_CALLS) }
    }

    pub(crate) fn outcomes(&self) -> impl Iterator<Item = (&'static str, u64)> {
        OUTCOMES.iter().zip(&self.outcomes).map(|(name, count)| (*name, count.get()))
    }
}

impl StoreMeter {
    /// A script is called from now on.
    pub(crate) fn call(&self, script: &Script) -> ScriptCall<'_> {
        let place = Script::ALL.iter().position(|known| ptr::eq(*known, script));
        ScriptCall {
            meter: self,
            script: place.map(|place| &self.scripts[place]),
            began: clock::now(),
            is_over: false,
        }
    }

    /// There is no connection, and none could be made.
    pub(crate) fn not_connected(&self, error: &StoreError) {
        if error.is_outage() {
            self.up.set(0);
        }
    }

    /// Whether it serves, as far as is known.
    pub(crate) fn up(&self) -> u64 {
        self.up.get()
    }

    /// The scripts, by their names.
    pub(crate) fn scripts(&self) -> impl Iterator<Item = (&'static str, &ScriptMeter)> {
        Script::ALL.iter().zip(&self.scripts).map(|(script, meter)| (script.name(), meter))
    }
}

/// A script call on its way. Dropped before its answer it counts as one that was not answered.
#[derive(Debug)]
pub(crate) struct ScriptCall<'a> {
    meter: &'a StoreMeter,
    script: Option<&'a ScriptMeter>,
    began: Instant,
    is_over: bool,
}

impl ScriptCall<'_> {
    pub(crate) fn end<T>(mut self, result: &Result<T, StoreError>) {
        self.is_over = true;
        self.meter.up.set(u64::from(!result.as_ref().is_err_and(StoreError::is_outage)));
        self.count(match result {
            Ok(_) => ANSWERED,
            Err(error) if error.is_unanswered() => UNANSWERED,
            Err(_) => FAILED,
        });
    }

    fn count(&self, outcome: usize) {
        if let Some(script) = self.script {
            script.outcomes[outcome].add(1);
            script.took.observe_duration(clock::now().saturating_duration_since(self.began));
        }
    }
}

impl Drop for ScriptCall<'_> {
    fn drop(&mut self) {
        if !self.is_over {
            self.count(UNANSWERED);
        }
    }
}
