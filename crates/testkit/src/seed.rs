//! One seed, one run: what a randomised test draws from, and how to see its failure again.

use std::env;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::thread;

use anyhow::{Context, Result};

use crate::ran_on::test_program;

/// The seed to replay; without it every run draws a new one.
const CHOSEN: &str = "TOLLGATE_SEED";

/// How many seeds a test runs that runs several.
const COUNT: &str = "TOLLGATE_SEEDS";

/// Where all randomness of a test comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seed(u64);

impl Seed {
    /// `TOLLGATE_SEED`, or a new one; prints the command that replays it, which libtest shows when the test fails.
    ///
    /// # Errors
    /// When the variable holds no number.
    pub fn for_this_test() -> Result<Self> {
        let seed = match env::var(CHOSEN) {
            Ok(text) => Self(text.parse().with_context(|| format!("{CHOSEN}={text:?} is not a number"))?),
            // The hasher's keys come from the operating system; no crate is needed for one number.
            Err(_) => Self(RandomState::new().build_hasher().finish()),
        };
        println!("replay with: {}", seed.replay_command());
        Ok(seed)
    }

    /// `TOLLGATE_SEED` alone, or `TOLLGATE_SEEDS` different ones, or, without either, `count`. Whoever finds that one
    /// fails prints its [`replay_command`](Self::replay_command).
    ///
    /// # Errors
    /// When a variable holds no number.
    pub fn several(count: usize) -> Result<Vec<Self>> {
        let first = Self::for_this_test()?;
        let count = match (env::var(CHOSEN), env::var(COUNT)) {
            (Ok(_), _) => 1,
            (_, Ok(text)) => text.parse().with_context(|| format!("{COUNT}={text:?} is not a number"))?,
            _ => count,
        };
        Ok(std::iter::successors(Some(first), |seed| Some(seed.derive("next"))).take(count).collect())
    }

    /// A fixed seed, for a history that is kept as a regression test.
    #[must_use]
    pub const fn fixed(seed: u64) -> Self {
        Self(seed)
    }

    /// The number itself.
    #[must_use]
    pub const fn value(self) -> u64 {
        self.0
    }

    /// Another seed, given by this one and a label, so that parts of a test draw without disturbing each other.
    #[must_use]
    pub fn derive(self, label: &str) -> Self {
        let mixed = label.bytes().fold(self.0, |state, byte| SplitMix(state ^ u64::from(byte)).next());
        Self(SplitMix(mixed).next())
    }

    /// The 32 bytes that other generators ask for, proptest's `TestRng::from_seed` among them.
    #[must_use]
    pub fn bytes(self) -> [u8; 32] {
        let mut generator = SplitMix(self.0);
        let mut bytes = [0; 32];
        for chunk in bytes.chunks_exact_mut(8) {
            chunk.copy_from_slice(&generator.next().to_le_bytes());
        }
        bytes
    }

    /// One line for a shell: this test, this seed. libtest names a test's thread after it.
    #[must_use]
    pub fn replay_command(self) -> String {
        let program = test_program();
        let package = env::var("CARGO_PKG_NAME").unwrap_or_default();
        let target =
            if program == package.replace('-', "_") { "--lib".into() } else { format!("--test {program}") };
        let this_thread = thread::current();
        let test = this_thread.name().unwrap_or_default();
        format!("{CHOSEN}={} cargo test --package {package} {target} -- --exact {test}", self.0)
    }
}

/// `SplitMix64`: every state is good, and so is every distance between two.
struct SplitMix(u64);

impl SplitMix {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_decides_everything_drawn_from_it() {
        let seed = Seed::fixed(7);
        assert_eq!(seed.derive("clock"), Seed::fixed(7).derive("clock"));
        assert_ne!(seed.derive("clock"), seed.derive("calls"));
        assert_ne!(seed.bytes(), Seed::fixed(8).bytes());
    }
}
