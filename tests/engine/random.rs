//! Draws histories at random, has each lived through and judged, and repeats it on every server.

use std::fmt::Debug;

use anyhow::Result;
use proptest::strategy::Strategy;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};
use tollgate_testkit::{Seed, Sizes};

use crate::namespace::Namespace;
use crate::twin::Twin;

/// What draws all that it draws from a seed. No file keeps what failed: the seed is printed.
pub(crate) fn runner(seed: Seed, mut config: Config) -> TestRunner {
    config.failure_persistence = None;
    TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &seed.bytes()))
}

/// Draws as many histories as were chosen. `live` lives through one, and says which answer should have been another;
/// then every server has to agree with what it saw, to the byte.
pub(crate) fn agree_everywhere<E: Clone + Debug + Send + Sync + 'static>(
    histories: Sizes<u32>,
    events: impl Strategy<Value = Vec<E>>,
    live: impl Fn(&[E]) -> Result<Namespace, String>,
) -> Result<()> {
    let seed = Seed::for_this_test()?;
    let mut twins = Twin::start_every_version()?;
    let twins = std::cell::RefCell::new(&mut twins);
    let config = Config { cases: histories.chosen(), ..Config::default() };
    runner(seed, config).run(&events, |events| {
        let trace = live(&events).map_err(TestCaseError::fail)?.trace;
        for twin in twins.borrow_mut().iter_mut() {
            match twin.differs(&trace, false) {
                Ok(None) => {}
                Ok(Some(difference)) => return Err(TestCaseError::fail(format!("{difference:?}\n{trace}"))),
                Err(error) => return Err(TestCaseError::fail(format!("{error:#}"))),
            }
        }
        Ok(())
    })?;
    Ok(())
}
