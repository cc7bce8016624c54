//! Hash tables for keys that need no better hash: they bring one along, or nobody outside chooses them.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// A table whose keys are numbers, or hashes made with a secret.
pub(crate) type QuickMap<K, V> = HashMap<K, V, BuildHasherDefault<Folding>>;

/// Odd, with its bits spread evenly: 2^64 divided by the golden ratio.
const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;

/// Folds in one word after the other by a wide multiplication, about ten times as fast as the standard hash. It
/// withstands only who can't choose the words.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Folding(u64);

impl Hasher for Folding {
    fn write_u64(&mut self, word: u64) {
        let product = u128::from(self.0.rotate_left(23) ^ word) * u128::from(FACTOR);
        #[expect(clippy::cast_possible_truncation, reason = "both halves are kept")]
        let (low, high) = (product as u64, (product >> 64) as u64);
        self.0 = low ^ high;
    }

    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.write_u64(u64::from_le_bytes(word));
        }
    }

    fn write_u8(&mut self, value: u8) {
        self.write_u64(value.into());
    }

    fn write_u16(&mut self, value: u16) {
        self.write_u64(value.into());
    }

    fn write_u32(&mut self, value: u32) {
        self.write_u64(value.into());
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use std::hash::{BuildHasher, BuildHasherDefault};

    use super::*;

    /// Tables look at the lowest and the highest bits.
    #[test]
    fn numbers_in_a_row_fall_into_all_places_of_a_table() {
        for shift in [0, 57] {
            let places = |places: u64| {
                (0..places).map(move |number| {
                    (BuildHasherDefault::<Folding>::new().hash_one(number) >> shift) % places
                })
            };
            let distinct: std::collections::HashSet<_> = places(128).collect();
            assert!(distinct.len() > 64, "{} of 128 places, bits from {shift}", distinct.len());
        }
    }

    #[test]
    fn the_order_of_words_counts() {
        let hash = |words: [u64; 2]| BuildHasherDefault::<Folding>::new().hash_one(words);
        assert_ne!(hash([1, 2]), hash([2, 1]));
        assert_ne!(hash([0, 1]), hash([1, 0]));
    }
}
