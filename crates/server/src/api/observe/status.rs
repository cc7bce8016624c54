//! The status of a provider's answer.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, Unexpected, Visitor};

use crate::whole;

/// A status of HTTP, 100 to 599.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Status(u16);

impl Status {
    pub(super) fn number(self) -> u16 {
        self.0
    }
}

impl<'de> Deserialize<'de> for Status {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_u16(Number)
    }
}

struct Number;

impl Visitor<'_> for Number {
    type Value = Status;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a status of HTTP, 100 to 599")
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Status, E> {
        let status = u16::try_from(number).ok().filter(|status| (100..=599).contains(status));
        status.map(Status).ok_or_else(|| E::invalid_value(Unexpected::Unsigned(number), &self))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Status, E> {
        match whole::of_float(number) {
            Some(whole) => self.visit_u64(whole.into()),
            None => Err(E::invalid_type(Unexpected::Float(number), &self)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_a_number_of_three_digits_that_http_has() {
        for (json, status) in [("100", 100), ("429", 429), ("429.0", 429), ("4.29e2", 429), ("599", 599)] {
            assert_eq!(serde_json::from_str::<Status>(json).expect(json), Status(status));
        }
        for json in
            ["99", "600", "0", "-429", "429.5", "6e2", "65965", "18446744073709551616", "\"429\"", "null"]
        {
            let error = serde_json::from_str::<Status>(json).expect_err(json).to_string();
            assert!(error.contains("expected a status of HTTP, 100 to 599"), "{json}: {error}");
        }
    }
}
