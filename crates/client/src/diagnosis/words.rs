//! What is the same in many sentences.

use std::time::Duration;

use crate::policy::Measure;

/// A bucket.
pub(super) fn name(limit: &str, measure: Measure, key: &str) -> String {
    let of = if key.is_empty() { String::new() } else { format!(" of {key}") };
    format!("limit {limit}{}{of}", measure.suffix())
}

/// A span of time, as exact as somebody wants to know it.
pub(super) fn in_words(time: Duration) -> String {
    match time.as_secs() {
        0..=119 => format!("{}.{:03} s", time.as_secs(), time.subsec_millis()),
        seconds @ 120..=7_199 => format!("{} min", seconds / 60),
        seconds => format!("{} h", seconds / 3_600),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_as_exact_as_they_are_short() {
        for (ms, words) in [
            (0, "0.000 s"),
            (61_005, "61.005 s"),
            (120_000, "2 min"),
            (7_199_999, "119 min"),
            (90_000_000, "25 h"),
        ] {
            assert_eq!(in_words(Duration::from_millis(ms)), words);
        }
        assert_eq!(name("org", Measure::Tokens, "acme"), "limit org of acme");
        assert_eq!(name("exports", Measure::InFlight, ""), "limit exports/concurrent");
    }
}
