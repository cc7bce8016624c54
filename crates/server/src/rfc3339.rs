//! Points in time as RFC 3339 has them.

use jiff::Timestamp;

/// To the microsecond. Beyond the year 9999 it is the number that it came as.
pub(crate) fn of_us(us: u64) -> String {
    let timestamp = i64::try_from(us).ok().and_then(|us| Timestamp::from_microsecond(us).ok());
    timestamp.map_or_else(|| us.to_string(), |timestamp| format!("{timestamp:.6}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_to_the_microsecond() {
        assert_eq!(of_us(1_700_000_000_000_000), "2023-11-14T22:13:20.000000Z");
        assert_eq!(of_us(1), "1970-01-01T00:00:00.000001Z");
        assert_eq!(of_us(u64::MAX), u64::MAX.to_string());
    }
}
