//! The id of an entry of the audit trail.

use std::fmt;
use std::str::FromStr;

/// Ids in a microsecond.
const IN_A_MICROSECOND: u64 = 1_000;

/// The id of an entry of the audit trail, written `<milliseconds>-<number>`. Ids rise with every entry, whatever clocks
/// do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AuditId {
    ms: u64,
    number: u64,
}

/// A text that is no id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no id of an entry, expected two whole numbers such as \"1795300099704-670000\"")]
pub struct NoAuditId;

impl AuditId {
    /// The first id that an entry of this time can have, in microseconds of the namespace's time.
    pub(crate) fn first_at(us: u64) -> Self {
        Self { ms: us / 1_000, number: us % 1_000 * IN_A_MICROSECOND }
    }

    /// The last id that an entry of this time can have.
    pub(crate) fn last_at(us: u64) -> Self {
        let first = Self::first_at(us);
        Self { number: first.number + IN_A_MICROSECOND - 1, ..first }
    }

    /// The time that it stands for.
    pub(crate) fn us(self) -> u64 {
        self.ms.saturating_mul(1_000).saturating_add((self.number / IN_A_MICROSECOND).min(999))
    }

    /// The id that follows.
    pub(crate) fn next(self) -> Self {
        match self.number.checked_add(1) {
            Some(number) => Self { number, ..self },
            None => Self { ms: self.ms.saturating_add(1), number: 0 },
        }
    }

    /// The id before it; the first one has itself there, which is no entry's.
    pub(crate) fn previous(self) -> Self {
        match self.number.checked_sub(1) {
            Some(number) => Self { number, ..self },
            None => self.ms.checked_sub(1).map_or(self, |ms| Self { ms, number: u64::MAX }),
        }
    }
}

impl fmt::Display for AuditId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.ms, self.number)
    }
}

impl FromStr for AuditId {
    type Err = NoAuditId;

    fn from_str(text: &str) -> Result<Self, NoAuditId> {
        let number = |text: &str| {
            // Left to itself, `parse` would also take a sign.
            let digits = text.bytes().all(|byte| byte.is_ascii_digit());
            text.parse().ok().filter(|_| digits).ok_or(NoAuditId)
        };
        let (ms, rest) = text.split_once('-').ok_or(NoAuditId)?;
        Ok(Self { ms: number(ms)?, number: number(rest)? })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test ends where what it relies on is not so")]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_read_as_it_is_written() {
        for text in ["0-0", "1795300099704-670000", "18446744073709551615-18446744073709551615"] {
            assert_eq!(text.parse::<AuditId>().unwrap().to_string(), text);
        }
        for text in
            ["", "-", "1", "1-", "-1", "1-x", "+1-1", "1-+1", " 1-1", "1-1-1", "18446744073709551616-0"]
        {
            assert_eq!(text.parse::<AuditId>(), Err(NoAuditId), "{text}");
        }
    }

    #[test]
    fn ids_of_a_microsecond_lie_between_those_of_its_neighbours() {
        let us = 1_795_300_099_704_670;
        assert_eq!(AuditId::first_at(us).to_string(), "1795300099704-670000");
        assert_eq!(AuditId::last_at(us).next(), AuditId::first_at(us + 1));
        assert_eq!(AuditId::first_at(us).previous(), AuditId::last_at(us - 1));
        assert!(AuditId::last_at(us + 329).next() < AuditId::first_at(us + 330));
    }

    #[test]
    fn there_is_nothing_before_the_first_and_nothing_behind_the_last() {
        let last = AuditId { ms: u64::MAX, number: u64::MAX };
        assert_eq!(AuditId::default().previous(), AuditId::default());
        assert!(last.next() <= last);
    }
}
