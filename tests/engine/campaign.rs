//! A campaign: many histories, each from its own number, on all processors; the first failure shrunk and told as a
//! story.

use std::cell::RefCell;
use std::env;
use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use anyhow::{Context, Result, bail};
use proptest::strategy::Strategy;
use proptest::test_runner::{Config, TestCaseError, TestError};
use tollgate_testkit::Seed;

use crate::history::{History, Kind, histories};
use crate::random::runner;

/// The one history to replay, by its number.
const CHOSEN: &str = "TOLLGATE_HISTORY";

/// Histories to live through.
#[derive(Clone, Debug)]
pub(crate) struct Campaign {
    pub(crate) seed: Seed,
    pub(crate) kind: Kind,
    pub(crate) count: usize,
    pub(crate) length: RangeInclusive<usize>,
    pub(crate) threads: usize,
    /// How long to look for a smaller history that goes wrong as well.
    pub(crate) shrinks: u32,
}

impl Campaign {
    /// Lives through all of them. Each thread makes what it needs by `equip`; `live` returns what went wrong.
    pub(crate) fn run<E>(
        &self,
        equip: impl Fn() -> Result<E> + Sync,
        live: impl Fn(&mut E, &History) -> Result<(), String> + Sync,
    ) -> Result<()> {
        let chosen = env::var(CHOSEN).ok();
        let chosen: Option<usize> = chosen.map(|number| number.parse().context(CHOSEN)).transpose()?;
        let (next, failed) = (AtomicUsize::new(chosen.unwrap_or(0)), AtomicBool::new(false));
        let end = chosen.map_or(self.count, |number| number + 1);
        let work = || -> Result<()> {
            let equipment = RefCell::new(equip()?);
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= end || failed.load(Ordering::Relaxed) {
                    return Ok(());
                }
                if let Err(story) = self.one(number, |history| live(&mut equipment.borrow_mut(), history)) {
                    failed.store(true, Ordering::Relaxed);
                    bail!("{story}");
                }
            }
        };
        let results: Vec<Result<()>> = thread::scope(|scope| {
            let workers: Vec<_> = (0..self.threads).map(|_| scope.spawn(work)).collect();
            workers.into_iter().map(|worker| worker.join().expect("a worker that returns")).collect()
        });
        results.into_iter().collect()
    }

    /// Lives through one history; where that goes wrong, finds the smallest that does, and tells it.
    pub(crate) fn one(
        &self,
        number: usize,
        live: impl Fn(&History) -> Result<(), String>,
    ) -> Result<(), String> {
        let config = Config { max_shrink_iters: self.shrinks, ..Config::default() };
        let mut runner = runner(self.seed.derive(&format!("history {number}")), config);
        let tree = histories(self.kind, self.length.clone()).new_tree(&mut runner).expect("a history");
        let outcome = runner.run_one(tree, |history| live(&history).map_err(TestCaseError::fail));
        match outcome {
            Ok(_) => Ok(()),
            Err(TestError::Fail(reason, _)) => Err(format!(
                "{reason}\n\nhistory {number}, shrunk; replay it with {CHOSEN}={number} in front of the command above"
            )),
            Err(other) => Err(other.to_string()),
        }
    }
}
