//! Randomness: everything that a provider draws comes from its seed.

use std::time::Duration;

/// What a provider draws from. The same seed, configuration and calls make the same run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seed(u64);

impl Seed {
    /// The seed of this number.
    #[must_use]
    pub const fn new(number: u64) -> Self {
        Self(number)
    }
}

/// `SplitMix64`: one number of state, good from every seed. Nothing here has to be unpredictable.
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    /// Draws for one purpose. Purposes do not disturb each other: a call more does not change what the background does.
    pub(crate) fn new(seed: Seed, purpose: u64) -> Self {
        let mut mixer = Self(seed.0 ^ purpose.wrapping_mul(0xD6E8_FEB8_6659_FD93));
        Self(mixer.number())
    }

    pub(crate) fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// From 0 to just below 1.
    #[expect(clippy::cast_precision_loss, reason = "53 bits are what a fraction has")]
    pub(crate) fn fraction(&mut self) -> f64 {
        (self.number() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// A share of a length of time, any as likely as another.
    pub(crate) fn part_of(&mut self, whole: Duration) -> Duration {
        whole.mul_f64(self.fraction())
    }

    /// The gap before the next of events that have this gap in the mean and know nothing of each other (Poisson).
    pub(crate) fn gap(&mut self, mean: Duration) -> Duration {
        // The argument is above 0, as a fraction is below 1; 1e-17 is seen at most 40 means away.
        mean.mul_f64(-(1.0 - self.fraction()).ln())
    }

    /// An identifier in the form of a UUID, version 4.
    pub(crate) fn uuid(&mut self) -> String {
        let (high, low) = (self.number(), self.number());
        format!(
            "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
            high >> 32,
            (high >> 16) & 0xFFFF,
            high & 0xFFF,
            (low >> 48) & 0x3FFF | 0x8000,
            low & 0xFFFF_FFFF_FFFF
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_have_the_mean_that_was_asked_for() {
        let mut random = Random::new(Seed::new(1), 0);
        let total: Duration = (0..100_000).map(|_| random.gap(Duration::from_millis(10))).sum();
        assert!((990.0..1_010.0).contains(&total.as_secs_f64()), "{total:?}");
    }

    #[test]
    fn purposes_draw_without_disturbing_each_other() {
        let draw = |seed, purpose| Random::new(Seed::new(seed), purpose).number();
        assert_eq!(draw(7, 1), draw(7, 1));
        assert_ne!(draw(7, 1), draw(7, 2));
        assert_ne!(draw(7, 1), draw(8, 1));
    }

    #[test]
    fn an_identifier_looks_like_a_uuid() {
        let uuid = Random::new(Seed::new(3), 0).uuid();
        let lengths: Vec<usize> = uuid.split('-').map(str::len).collect();
        assert_eq!(lengths, [8, 4, 4, 4, 12], "{uuid}");
    }
}
