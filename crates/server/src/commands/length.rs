//! Lengths of time on the command line: as they are given, a whole number with its unit, and as they are shown to
//! people.

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

/// In the unit that fits, with three digits, or from a minute on in two units. Never shorter than it is: whoever waits
/// for so long is not too early.
pub(super) fn shown(length: Duration) -> String {
    let us = u64::try_from(length.as_nanos().div_ceil(1_000)).unwrap_or(u64::MAX);
    let step = 10_u64.pow(us.checked_ilog10().unwrap_or(0).saturating_sub(2));
    // What is rounded up may be one of the next unit.
    match us.div_ceil(step).saturating_mul(step) {
        0 => "0 s".to_owned(),
        us @ 1..1_000 => format!("{us} µs"),
        us @ 1_000..1_000_000 => format!("{} ms", thousandths(us)),
        us @ 1_000_000..60_000_000 => format!("{} s", thousandths(us / 1_000)),
        _ => minutes_and_more(us.div_ceil(1_000_000)),
    }
}

/// The same of milliseconds, as services tell them.
pub(super) fn shown_ms(ms: u64) -> String {
    shown(Duration::from_millis(ms))
}

fn thousandths(number: u64) -> String {
    let text = format!("{}.{:03}", number / 1_000, number % 1_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn minutes_and_more(seconds: u64) -> String {
    let (minutes, hours) = (seconds.div_ceil(60), seconds.div_ceil(3_600));
    let (whole, unit, part, smaller) = if seconds < 3_600 {
        (seconds / 60, "min", seconds % 60, "s")
    } else if minutes < 24 * 60 {
        (minutes / 60, "h", minutes % 60, "min")
    } else {
        (hours / 24, "d", hours % 24, "h")
    };
    if part == 0 { format!("{whole} {unit}") } else { format!("{whole} {unit} {part} {smaller}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_is_shown_in_the_unit_that_fits_and_never_shorter_than_it_is() {
        for (us, text) in [
            (0, "0 s"),
            (85, "85 µs"),
            (999, "999 µs"),
            (1_000, "1 ms"),
            (1_251, "1.26 ms"),
            (340_000, "340 ms"),
            (999_001, "1 s"),
            (1_050_000, "1.05 s"),
            (1_250_000, "1.25 s"),
            (1_250_001, "1.26 s"),
            (12_340_000, "12.4 s"),
            (30_000_000, "30 s"),
            (59_900_000, "59.9 s"),
            (59_900_001, "1 min"),
            (90_000_000, "1 min 30 s"),
            (600_000_001, "10 min 1 s"),
            (3_600_000_000, "1 h"),
            (3_601_000_000, "1 h 1 min"),
            (86_399_000_000, "1 d"),
            (86_401_000_000, "1 d 1 h"),
            (31 * 86_400_000_000, "31 d"),
        ] {
            assert_eq!(shown(Duration::from_micros(us)), text, "{us}");
        }
        assert_eq!(shown(Duration::from_nanos(1)), "1 µs");
        assert_eq!((shown_ms(0), shown_ms(1_500)), ("0 s".to_owned(), "1.5 s".to_owned()));
        assert_eq!(shown(Duration::MAX), "213503982 d 9 h");
    }

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
