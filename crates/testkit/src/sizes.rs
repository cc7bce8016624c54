//! How much a randomised test does: little enough for every commit, or as much as a night allows.

use std::env;

/// Set to `1` (or by `cargo xtask test --long`) for the long sizes.
const LONG: &str = "TOLLGATE_LONG";

/// A test's two sizes, side by side where it uses them.
///
/// ```
/// let histories = tollgate_testkit::Sizes { ci: 10_000, long: 1_000_000 }.chosen();
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Sizes<T> {
    /// What runs on every commit.
    pub ci: T,
    /// What runs with `TOLLGATE_LONG=1`.
    pub long: T,
}

impl<T> Sizes<T> {
    /// The size of this run.
    #[must_use]
    pub fn chosen(self) -> T {
        if env::var_os(LONG).is_some_and(|value| value == "1") { self.long } else { self.ci }
    }
}
