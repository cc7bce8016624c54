//! Waiting for a condition: the one place in the tests that sleeps.

use std::fmt::Display;
use std::time::Duration;

use anyhow::{Result, bail};

use crate::deadline::Deadline;

/// The first look is repeated after this, and each later one after twice as long.
const PAUSE_MIN: Duration = Duration::from_millis(1);
/// Often enough that no test notices, rarely enough that a waiting test leaves the machine to the tested.
const PAUSE_MAX: Duration = Duration::from_millis(50);

/// Looks until `look` answers `Ok`, and returns that; `Err` is the state seen, in words.
///
/// ```
/// use std::time::Duration;
/// use tollgate_testkit::eventually;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> anyhow::Result<()> {
/// let mut seen = 0;
/// let third = eventually("the third look", Duration::from_secs(5), async || {
///     seen += 1;
///     if seen == 3 { Ok(seen) } else { Err(format!("look number {seen}")) }
/// });
/// assert_eq!(third.await?, 3);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// When the time is up: with what was waited for and the last state seen.
#[expect(clippy::disallowed_methods, reason = "tests call this so that they need not sleep")]
pub async fn eventually<T, S: Display>(
    what: &str,
    within: Duration,
    mut look: impl AsyncFnMut() -> Result<T, S>,
) -> Result<T> {
    let deadline = Deadline::after(within);
    let mut pause = PAUSE_MIN;
    loop {
        let state = match look().await {
            Ok(found) => return Ok(found),
            Err(state) => state,
        };
        if deadline.passed() {
            bail!("waited {within:?} in vain for {what}; at last: {state}");
        }
        tokio::time::sleep(pause).await;
        pause = PAUSE_MAX.min(pause * 2);
    }
}
