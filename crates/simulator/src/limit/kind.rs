//! The ways in which providers count.

use serde::Deserialize;

/// How a limit counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Kind {
    /// A window opens with the first call and is over after its length; the next call opens another. What Genesys
    /// Cloud's historic samples look like.
    FixedWindow,
    /// At any moment, what came within the length before it.
    SlidingWindow,
    /// A bucket that leaks its whole content within the length.
    LeakyBucket,
    /// Calls that are in flight at once.
    Concurrent,
}
