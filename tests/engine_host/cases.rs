//! How a property of this suite looks for a case that breaks it.

use std::cell::RefCell;

use proptest::strategy::Strategy;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};
use tollgate_testkit::{Seed, Sizes};

use crate::pair::Pair;

/// How hard to look, and where.
#[derive(Clone, Copy)]
pub(crate) struct Effort {
    seed: Seed,
    cases: u32,
    shrink: bool,
}

impl Effort {
    /// As far as this run allows, each run elsewhere; a counterexample is made small.
    pub(crate) fn full() -> Effort {
        let seed = Seed::for_this_test().expect("a seed");
        Effort { seed, cases: Sizes { ci: 1_000, long: 100_000 }.chosen(), shrink: true }
    }

    /// A few cases, always the same; the first counterexample will do.
    pub(crate) fn brief() -> Effort {
        Effort { seed: Seed::fixed(1), cases: 400, shrink: false }
    }
}

/// Runs `property` on cases drawn from `strategy`; what it says of the smallest case that it fails on.
pub(crate) fn explore<S: Strategy>(
    pair: Pair,
    effort: Effort,
    strategy: &S,
    property: impl Fn(&mut Pair, S::Value) -> Result<(), String>,
) -> Result<(), String> {
    let mut config = Config { cases: effort.cases, failure_persistence: None, ..Config::default() };
    if !effort.shrink {
        config.max_shrink_iters = 0;
    }
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &effort.seed.bytes());
    let pair = RefCell::new(pair);
    TestRunner::new_with_rng(config, rng)
        .run(strategy, |case| property(&mut pair.borrow_mut(), case).map_err(TestCaseError::fail))
        .map_err(|failure| failure.to_string())
}
