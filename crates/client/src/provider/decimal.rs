//! Numbers in answers: digits, with a fraction or without, and nothing else.

use std::time::Duration;

const BILLION: u128 = 1_000_000_000;
/// Longest number that is taken for one, in bytes.
const BYTES_MAX: usize = 64;

/// A number from zero on, in billionths. Exact, so that hours come out as hours and no wait is rounded down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Decimal {
    billionths: u128,
}

impl Decimal {
    /// Reads a number such as `42` or `2.5`. Of a list or of an item with parameters, the first value.
    ///
    /// Signs, exponents, hexadecimal digits, `inf` and `nan` make no number. More than fits is the largest there is,
    /// and a fraction finer than a billionth is rounded up.
    pub(super) fn parse(text: &str) -> Option<Decimal> {
        let text = text.split([',', ';']).next()?.trim();
        let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        if text.len() > BYTES_MAX || !digits(whole) || !digits(fraction) {
            return None;
        }
        let whole = u128::from(whole.parse().unwrap_or(u64::MAX));
        let (kept, finer) = fraction.split_at(fraction.len().min(9));
        let fraction = format!("{kept:0<9}").parse::<u128>().ok()?;
        let more = u128::from(finer.bytes().any(|digit| digit != b'0'));
        Some(Decimal { billionths: whole * BILLION + fraction + more })
    }

    /// The whole number at or below it.
    pub(super) fn floor(self) -> u64 {
        u64::try_from(self.billionths / BILLION).unwrap_or(u64::MAX)
    }

    /// The whole number at or above it.
    pub(super) fn ceil(self) -> u64 {
        u64::try_from(self.billionths.div_ceil(BILLION)).unwrap_or(u64::MAX)
    }

    /// So many seconds.
    pub(super) fn seconds(self) -> Duration {
        nanoseconds(self.billionths)
    }

    /// So many milliseconds, rounded up to a nanosecond.
    pub(super) fn milliseconds(self) -> Duration {
        nanoseconds(self.billionths.div_ceil(1_000))
    }

    /// How long it takes until there is so much, at so much a second. Never, where nothing comes.
    pub(super) fn at_rate(self, per_second: Decimal) -> Option<Duration> {
        let nanos = self.billionths.saturating_mul(BILLION);
        (per_second.billionths > 0).then(|| nanoseconds(nanos.div_ceil(per_second.billionths)))
    }

    /// What is missing to `wanted`; none, if there is enough.
    pub(super) fn missing_to(self, wanted: Decimal) -> Decimal {
        Decimal { billionths: wanted.billionths.saturating_sub(self.billionths) }
    }
}

/// The longest duration stands for what does not fit.
fn nanoseconds(nanos: u128) -> Duration {
    let (seconds, rest) = (nanos / BILLION, nanos % BILLION);
    match (u64::try_from(seconds), u32::try_from(rest)) {
        (Ok(seconds), Ok(rest)) => Duration::new(seconds, rest),
        _ => Duration::MAX,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_numbers_are_numbers() {
        let rows = [
            ("0", Some((0, 0))),
            ("42", Some((42, 42))),
            (" 42 ", Some((42, 42))),
            ("2.0", Some((2, 2))),
            ("2.5", Some((2, 3))),
            ("0.0000000001", Some((0, 1))),
            ("100, 100;w=60", Some((100, 100))),
            ("7;w=1", Some((7, 7))),
            ("99999999999999999999999999", Some((u64::MAX, u64::MAX))),
        ];
        for (text, rounded) in rows {
            let read = Decimal::parse(text).map(|number| (number.floor(), number.ceil()));
            assert_eq!(read, rounded, "{text:?}");
        }
        let long = "9".repeat(65);
        for text in
            ["", " ", ".", "1.", ".5", "-1", "+1", "1e3", "0x10", "nan", "inf", "1_000", "1 2", "٣", &long]
        {
            assert_eq!(Decimal::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn times_are_exact_and_never_shorter_than_told() {
        let number = |text: &str| Decimal::parse(text).unwrap();
        assert_eq!(number("7200").seconds(), Duration::from_secs(7_200));
        assert_eq!(number("2.25").seconds(), Duration::from_millis(2_250));
        assert_eq!(number("1500.5").milliseconds(), Duration::from_micros(1_500_500));
        assert_eq!(number("0.0000001").milliseconds(), Duration::from_nanos(1));
        assert_eq!(number("1").at_rate(number("3")), Some(Duration::from_nanos(333_333_334)));
        assert_eq!(number("1").at_rate(number("0")), None);
        let most = number("99999999999999999999999999");
        assert!(most.seconds() >= Duration::from_secs(u64::MAX));
        assert_eq!(most.at_rate(number("0.000000001")), Some(Duration::MAX));
    }
}
