//! Whole numbers as JSON may write them: `2` is one, and so are `2.0` and `2e0`.
//!
//! To JSON, and to its schemas, these are the same number, and languages that know but one kind of number write any of
//! them.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, Unexpected, Visitor};

/// Reads one from 0 to 4,294,967,295.
pub(crate) fn whole<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    deserializer.deserialize_u32(Whole { least: 0, most: u32::MAX })
}

/// The same of one that may be left out. Whoever writes what is none is told that `LEAST` to `MOST` would be right.
pub(crate) fn whole_or_none<'de, const LEAST: u32, const MOST: u32, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<u32>, D::Error> {
    Ok(Option::<WholeTo<LEAST, MOST>>::deserialize(deserializer)?.map(|WholeTo(number)| number))
}

/// The number, if there is nothing behind its point and it is in range.
pub(crate) fn of_float(number: f64) -> Option<u32> {
    let is_whole = number.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(&number);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is whole and in range")]
    is_whole.then_some(number as u32)
}

struct WholeTo<const LEAST: u32, const MOST: u32>(u32);

impl<'de, const LEAST: u32, const MOST: u32> Deserialize<'de> for WholeTo<LEAST, MOST> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_u32(Whole { least: LEAST, most: MOST }).map(Self)
    }
}

/// Reads any of 32 bits. Which of them are right whoever knows them checks; this one says so of others.
struct Whole {
    least: u32,
    most: u32,
}

impl Visitor<'_> for Whole {
    type Value = u32;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a whole number, {} to {}", self.least, self.most)
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<u32, E> {
        u32::try_from(number).map_err(|_| E::invalid_value(Unexpected::Unsigned(number), &self))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<u32, E> {
        u32::try_from(number).map_err(|_| E::invalid_value(Unexpected::Signed(number), &self))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<u32, E> {
        of_float(number).ok_or_else(|| E::invalid_type(Unexpected::Float(number), &self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> serde_json::Result<u32> {
        whole(&mut serde_json::Deserializer::from_str(json))
    }

    #[test]
    fn one_may_be_left_out() {
        let read = |json: &str| whole_or_none::<1, 9, _>(&mut serde_json::Deserializer::from_str(json));
        assert_eq!((read("null").expect("none"), read("2.0").expect("two")), (None, Some(2)));
        for json in ["1.5", "-1", "4294967296"] {
            let error = read(json).expect_err(json).to_string();
            assert!(error.contains("expected a whole number, 1 to 9"), "{json}: {error}");
        }
    }

    #[test]
    fn a_whole_number_is_one_however_it_is_written() {
        for (json, number) in [
            ("0", 0),
            ("-0.0", 0),
            ("2", 2),
            ("2.0", 2),
            ("2e0", 2),
            ("0.2e1", 2),
            ("4294967295.0", u32::MAX),
        ] {
            assert_eq!(read(json).expect(json), number, "{json}");
        }
        for json in ["-1", "-1.0", "1.5", "4294967296", "4294967296.0", "1e300", "\"2\"", "null", "true"] {
            let error = read(json).expect_err(json).to_string();
            assert!(error.contains("expected a whole number, 0 to 4294967295"), "{json}: {error}");
        }
    }
}
