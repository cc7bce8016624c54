//! Quantities as they are written, each with the range that makes sense of it.

use std::time::Duration;

use serde::Deserialize;

/// A length of time that is not nothing, such as `"60s"`: `us`, `ms`, `s`, `m`, `h` or `d`, up to a year.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Length(pub(super) Duration);

/// A length of time that may be nothing.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Delay(pub(super) Duration);

/// So many in a length of time, such as `"5/s"` or `"300/1m"`.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Rate {
    pub(super) count: u64,
    pub(super) per: Duration,
}

/// A whole number of calls or units, at least 1.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(try_from = "i64")]
pub(super) struct Count(pub(super) u64);

/// From 1 to 99 in a hundred.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(try_from = "i64")]
pub(super) struct Percent(pub(super) u64);

/// From 0, never, to 1, always.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(try_from = "f64")]
pub(super) struct Probability(pub(super) f64);

/// Largest count. Costs of whole windows then stay far within what is counted with.
const COUNT_MAX: u64 = 1_000_000_000;

/// Longest time: a year, which is more than any provider's window.
const LENGTH_MAX: Duration = Duration::from_secs(366 * 86_400);

const LENGTH: &str = "a whole number with its unit (us, ms, s, m, h, d), up to 366d, such as \"60s\"";

impl TryFrom<String> for Length {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let length = length(&text).filter(|length| !length.is_zero());
        length.map(Self).ok_or_else(|| format!("{text:?}, expected {LENGTH}, and not zero"))
    }
}

impl TryFrom<String> for Delay {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        length(&text).map(Self).ok_or_else(|| format!("{text:?}, expected {LENGTH}"))
    }
}

impl TryFrom<String> for Rate {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        rate(&text).ok_or_else(|| {
            format!("{text:?}, expected 1 to {COUNT_MAX} in a length of time, such as \"5/s\" or \"300/1m\"")
        })
    }
}

impl TryFrom<i64> for Count {
    type Error = String;

    fn try_from(number: i64) -> Result<Self, String> {
        let count = u64::try_from(number).ok().filter(|count| (1..=COUNT_MAX).contains(count));
        count.map(Self).ok_or_else(|| format!("{number}, expected 1 to {COUNT_MAX}"))
    }
}

impl TryFrom<i64> for Percent {
    type Error = String;

    fn try_from(number: i64) -> Result<Self, String> {
        let percent = u64::try_from(number).ok().filter(|percent| (1..100).contains(percent));
        percent.map(Self).ok_or_else(|| format!("{number}, expected 1 to 99"))
    }
}

impl TryFrom<f64> for Probability {
    type Error = String;

    fn try_from(number: f64) -> Result<Self, String> {
        if (0.0..=1.0).contains(&number) {
            Ok(Self(number))
        } else {
            Err(format!("{number}, expected 0 to 1"))
        }
    }
}

fn length(text: &str) -> Option<Duration> {
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
    let length = Duration::from_micros(number.parse::<u64>().ok()?.checked_mul(unit_us)?);
    (length <= LENGTH_MAX).then_some(length)
}

fn rate(text: &str) -> Option<Rate> {
    let (count, per) = text.split_once('/')?;
    let per = length(per).or_else(|| length(&format!("1{per}")))?;
    let plain = count.bytes().all(|byte| byte.is_ascii_digit());
    let count = count.parse().ok().filter(|count| plain && (1..=COUNT_MAX).contains(count))?;
    (!per.is_zero()).then_some(Rate { count, per })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_rates_carry_their_unit() {
        let rows = [
            ("250ms", Some(250_000)),
            ("0s", Some(0)),
            ("5", None),
            ("1.5s", None),
            ("367d", None),
            ("-1s", None),
        ];
        for (text, us) in rows {
            assert_eq!(length(text), us.map(Duration::from_micros), "{text:?}");
        }
        let rows = [
            ("5/s", Some((5, 1_000_000))),
            ("300/1m", Some((300, 60_000_000))),
            ("0/s", None),
            ("+5/s", None),
            ("5/0s", None),
            ("5", None),
        ];
        for (text, expected) in rows {
            let read = rate(text).map(|rate| (rate.count, rate.per.as_micros()));
            assert_eq!(read, expected, "{text:?}");
        }
    }
}
