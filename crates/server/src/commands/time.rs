//! A point in time on the command line.

use std::time::SystemTime;

use anyhow::{Context, Result, ensure};
use jiff::{SignedDuration, Timestamp};

use super::length;
use crate::clock;

/// A point in time.
pub(super) fn point(text: &str) -> Result<Timestamp> {
    text.parse().ok().context("expected a time such as 2027-01-31T00:00:00Z")
}

/// A point in time that is still to come, by the clock of this machine.
pub(super) fn to_come(text: &str) -> Result<Timestamp> {
    let (time, now) = (point(text)?, now()?);
    ensure!(time > now, "it is past: expected a time after {now:.0}");
    Ok(time)
}

/// A point in time, or how long ago it was by the clock of this machine.
pub(super) fn read(text: &str) -> Result<Timestamp> {
    if let Ok(time) = text.parse::<Timestamp>() {
        return Ok(time);
    }
    let expected = "expected a time such as 2026-11-26T07:00:00Z, or how long ago, such as 90m or 7d";
    let ago = length::parse(text).context(expected)?;
    let ago = SignedDuration::try_from(ago).context("too long ago")?;
    now()?.checked_sub(ago).context("too long ago")
}

/// Now, by the clock of this machine.
pub(super) fn now() -> Result<Timestamp> {
    let now = clock::now().duration_since(SystemTime::UNIX_EPOCH).context("the clock is before 1970")?;
    let now = SignedDuration::try_from(now).context("the clock is past the year 9999")?;
    Timestamp::UNIX_EPOCH.checked_add(now).context("the clock is past the year 9999")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_a_point_that_is_to_come() {
        assert!(to_come("2099-01-31T00:00:00Z").is_ok());
        for (text, said) in
            [("1999-01-31T00:00:00Z", "it is past"), ("tomorrow", "such as"), ("30d", "such as")]
        {
            let error = to_come(text).expect_err(text).to_string();
            assert!(error.contains(said), "{text}: {error}");
        }
    }

    #[test]
    fn a_time_is_a_point_or_how_long_ago_it_was() {
        assert_eq!(read("1970-01-02T00:00:00Z").ok(), Some(Timestamp::constant(86_400, 0)));
        assert_eq!(read("1970-01-02T01:00:00+01:00").ok(), Some(Timestamp::constant(86_400, 0)));
        let (hour, day) = (read("24h").expect("a time"), read("1d").expect("a time"));
        assert!(day.duration_since(hour).abs() < SignedDuration::from_secs(60));
        for text in ["", "1", "h", "1w", "-1h", "1.5h", "99999999999999999h", "9999999999d", "yesterday"] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
