//! Lengths of time on the command line: a whole number with its unit.

use std::time::Duration;

/// Such as `90s`, `10m`, `24h` or `7d`. `None` for a text that is none.
pub(super) fn parse(text: &str) -> Option<Duration> {
    let (number, unit) =
        text.split_at(text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len()));
    let unit_s: u64 = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return None,
    };
    let seconds = number.parse::<u64>().ok()?.checked_mul(unit_s)?;
    Some(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_has_a_unit() {
        for (text, seconds) in [("0s", 0), ("90s", 90), ("10m", 600), ("24h", 86_400), ("7d", 604_800)] {
            assert_eq!(parse(text), Some(Duration::from_secs(seconds)), "{text}");
        }
        for text in ["", "10", "m", "-1s", "1.5h", "1w", "18446744073709551615d", " 1s"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
