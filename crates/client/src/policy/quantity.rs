//! Quantities as operators write them: spans of time with their unit, and amounts over a span.

use super::problem::Wrong;

/// Longest span, in microseconds: 366 days.
const SPAN_US_MAX: u64 = 366 * 86_400_000_000;
/// Largest amount of a rate or a quota, in tokens.
const AMOUNT_MAX: u64 = 1_000_000_000;

/// A span of time, written as a whole number and a unit: `"250ms"`.
///
/// Units are `us`, `ms`, `s`, `m`, `h` and `d`; at most 366 days.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct Span {
    us: u64,
}

impl Span {
    /// Reads a span such as `"250ms"`; none at all, `"0s"`, is a span too.
    pub(crate) fn parse(text: &str) -> Result<Span, Wrong> {
        Span::read(text).ok_or_else(|| {
            Wrong::text(
                text,
                "a whole number with its unit (us, ms, s, m, h, d), up to 366d, such as \"250ms\"",
            )
        })
    }

    pub(crate) const fn us(self) -> u64 {
        self.us
    }

    fn read(text: &str) -> Option<Span> {
        let (number, unit) = text.split_at(text.find(|letter: char| !letter.is_ascii_digit())?);
        let unit_us = match unit {
            "us" => 1,
            "ms" => 1_000,
            "s" => 1_000_000,
            "m" => 60_000_000,
            "h" => 3_600_000_000,
            "d" => 86_400_000_000,
            _ => return None,
        };
        let us = number.parse::<u64>().ok()?.checked_mul(unit_us)?;
        (us <= SPAN_US_MAX).then_some(Span { us })
    }
}

/// So many tokens in a span of time, written `"300/1m"`, or `"10/s"` for a span of one unit.
///
/// 1 to 1,000,000,000 tokens in 1 microsecond to 366 days.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Quantity {
    tokens: u64,
    span: Span,
}

impl Quantity {
    /// Reads a quantity such as `"300/1m"` or `"10/s"`.
    pub(crate) fn parse(text: &str) -> Result<Quantity, Wrong> {
        Quantity::read(text).ok_or_else(|| {
            Wrong::text(
                text,
                "1 to 1000000000 in a span of time, such as \"300/1m\", \"10/s\" or \"5000/1d\"",
            )
        })
    }

    pub(crate) const fn tokens(self) -> u64 {
        self.tokens
    }

    pub(crate) const fn span(self) -> Span {
        self.span
    }

    fn read(text: &str) -> Option<Quantity> {
        let (tokens, span) = text.split_once('/')?;
        let span = match span.as_bytes().first()? {
            b'0'..=b'9' => Span::read(span)?,
            _ => Span::read(&format!("1{span}"))?,
        };
        // `u64::parse` takes a sign; a sign in front of a quota is a slip.
        let tokens = tokens.bytes().all(|byte| byte.is_ascii_digit()).then(|| tokens.parse().ok())??;
        ((1..=AMOUNT_MAX).contains(&tokens) && span.us > 0).then_some(Quantity { tokens, span })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_carry_their_unit() {
        let rows = [
            ("0s", Some(0)),
            ("7us", Some(7)),
            ("250ms", Some(250_000)),
            ("2s", Some(2_000_000)),
            ("1m", Some(60_000_000)),
            ("3h", Some(10_800_000_000)),
            ("366d", Some(SPAN_US_MAX)),
            ("367d", None),
            ("18446744073709551615d", None),
            ("99999999999999999999us", None),
            ("", None),
            ("s", None),
            ("5", None),
            ("5 s", None),
            ("+5s", None),
            ("-5s", None),
            ("1.5s", None),
            ("5S", None),
            ("1m30s", None),
            ("٣s", None),
        ];
        for (text, us) in rows {
            assert_eq!(Span::parse(text).ok().map(Span::us), us, "{text:?}");
        }
    }

    #[test]
    fn quantities_are_tokens_in_a_span() {
        let rows = [
            ("300/1m", Some((300, 60_000_000))),
            ("10/s", Some((10, 1_000_000))),
            ("1/250ms", Some((1, 250_000))),
            ("1000000000/us", Some((1_000_000_000, 1))),
            ("1000000001/s", None),
            ("0/s", None),
            ("10/0s", None),
            ("10", None),
            ("10/", None),
            ("/s", None),
            ("+10/s", None),
            ("10/s/s", None),
            ("10 / s", None),
            ("1.5/s", None),
            ("10/minute", None),
        ];
        for (text, read) in rows {
            let quantity = Quantity::parse(text).ok();
            assert_eq!(quantity.map(|read| (read.tokens(), read.span().us())), read, "{text:?}");
        }
    }
}
