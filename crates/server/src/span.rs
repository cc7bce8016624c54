//! Spans of time as people write them: a whole number with its unit.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::de::{Deserialize, Deserializer, Error, Unexpected, Visitor};
use utoipa::openapi::schema::{Object, ObjectBuilder, Type};

/// Longest span: nobody holds a connection for longer than an hour.
const LONGEST: Duration = Duration::from_secs(3_600);

/// A span of time such as `"250ms"`: units are `ms`, `s`, `m` and `h`, at most `"1h"`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Span(Duration);

/// A span as a text, for the description of the API: the pattern has the longest one in each unit.
pub(crate) fn schema() -> Object {
    let (ms, s) = (
        "0*([0-9]{1,6}|[12][0-9]{6}|3[0-5][0-9]{5}|3600000)ms",
        "0*([0-9]{1,3}|[12][0-9]{3}|3[0-5][0-9]{2}|3600)s",
    );
    let (m, h) = ("0*([1-5]?[0-9]|60)m", "0*[01]h");
    ObjectBuilder::new()
        .schema_type(Type::String)
        .description(Some("A whole number with its unit (`ms`, `s`, `m`, `h`), up to `1h`."))
        .pattern(Some(format!("^({ms}|{s}|{m}|{h})$")))
        .default(Some("0ms".into()))
        .examples(["250ms"])
        .build()
}

/// A text that is no span.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NoSpan;

impl Span {
    pub(crate) fn duration(self) -> Duration {
        self.0
    }
}

impl FromStr for Span {
    type Err = NoSpan;

    fn from_str(text: &str) -> Result<Self, NoSpan> {
        let unit_at = text.find(|letter: char| !letter.is_ascii_digit()).ok_or(NoSpan)?;
        let (number, unit) = text.split_at(unit_at);
        let unit_ms = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            _ => return Err(NoSpan),
        };
        let ms = number.parse::<u64>().ok().and_then(|number| number.checked_mul(unit_ms)).ok_or(NoSpan)?;
        let span = Duration::from_millis(ms);
        if span > LONGEST { Err(NoSpan) } else { Ok(Self(span)) }
    }
}

impl fmt::Display for NoSpan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a whole number with its unit (ms, s, m, h), up to \"1h\", such as \"250ms\"")
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(SpanText)
    }
}

/// Reads a span as a text. Whoever gives a number without a unit is told what would be right.
struct SpanText;

impl Visitor<'_> for SpanText {
    type Value = Span;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&NoSpan, f)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Span, E> {
        text.parse().map_err(|_| E::invalid_value(Unexpected::Str(text), &self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_a_whole_number_with_its_unit_up_to_an_hour() {
        for (text, ms) in [("0ms", 0), ("250ms", 250), ("5s", 5_000), ("2m", 120_000), ("1h", 3_600_000)] {
            assert_eq!(text.parse(), Ok(Span(Duration::from_millis(ms))), "{text}");
        }
        for text in
            ["", "5", "s", "-1s", "+1s", "1.5s", "5 s", "61m", "2h", "18446744073709551615h", "1d", "٣s"]
        {
            assert_eq!(text.parse::<Span>(), Err(NoSpan), "{text}");
        }
    }

    #[test]
    fn whatever_is_no_span_is_told_what_would_be_right() {
        for json in ["2", "true", "null", "[]", "\"2\"", "\"2h\""] {
            let error = serde_json::from_str::<Span>(json).expect_err(json).to_string();
            assert!(error.contains("a whole number with its unit (ms, s, m, h)"), "{json}: {error}");
        }
    }
}
