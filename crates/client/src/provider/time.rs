//! Times in answers: how long from now, or until when.

use super::decimal::Decimal;
use serde::{Deserialize, Serialize};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The longest wait that an answer is believed: 31 days, which is as long as a monthly quota can take to come back. A
/// longer one counts as this.
pub const WAIT_MAX: Duration = Duration::from_secs(31 * 86_400);

/// From this number on, `guess` takes seconds for a point in time: as a wait it would be 31 years, as a time it is
/// 2001.
const EPOCH_SECONDS_FROM: u64 = 1_000_000_000;
/// And from this one on it takes them for milliseconds.
const EPOCH_MILLISECONDS_FROM: u64 = 1_000_000_000_000;

/// What a number that stands for a time counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = AdapterTimeUnit))]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Unit {
    /// Seconds from now on, fractions too, or an HTTP date: what `Retry-After` may hold.
    RetryAfter,
    Seconds,
    Milliseconds,
    EpochSeconds,
    EpochMilliseconds,
    /// Seconds from now on, or seconds or milliseconds since 1970, by how large the number is.
    Guess,
}

impl Unit {
    /// Whether it counts from now on, so that it can tell a length too.
    pub(super) fn is_length(self) -> bool {
        matches!(self, Unit::Seconds | Unit::Milliseconds)
    }

    /// The time that a text tells, from `now` on; none, if that has passed.
    pub(super) fn read(self, text: &str, now: SystemTime) -> Option<Duration> {
        let Some(number) = Decimal::parse(text) else {
            return (self == Unit::RetryAfter).then(|| until_date(text, now)).flatten();
        };
        let told = match self {
            Unit::Milliseconds => number.milliseconds(),
            Unit::EpochSeconds => until(number.seconds(), now),
            Unit::EpochMilliseconds => until(number.milliseconds(), now),
            Unit::Guess if number.floor() >= EPOCH_MILLISECONDS_FROM => until(number.milliseconds(), now),
            Unit::Guess if number.floor() >= EPOCH_SECONDS_FROM => until(number.seconds(), now),
            Unit::RetryAfter | Unit::Seconds | Unit::Guess => number.seconds(),
        };
        Some(told)
    }
}

/// A point in time, if a text is an HTTP date.
pub(super) fn date(text: &str) -> Option<SystemTime> {
    // The longest form has a weekday in full: `Wednesday, 09-Nov-94 08:49:37 GMT`.
    (text.len() <= 64).then(|| httpdate::parse_http_date(text.trim()).ok()).flatten()
}

fn until_date(text: &str, now: SystemTime) -> Option<Duration> {
    Some(date(text)?.duration_since(now).unwrap_or_default())
}

fn until(since_1970: Duration, now: SystemTime) -> Duration {
    since_1970.saturating_sub(now.duration_since(UNIX_EPOCH).unwrap_or_default())
}
