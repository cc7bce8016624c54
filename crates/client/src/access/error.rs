//! What can go wrong with API keys.

use jiff::Timestamp;

use super::key::NewKey;

/// Why a key was not made, or not revoked. Nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The label can't be kept.
    #[error(
        "the label of a key takes 1 to {bytes_max} bytes of text without control characters, marks of writing direction and line separators, \
         and does not end like \"(key 0123456789abcdef)\""
    )]
    Label {
        /// How long it may be.
        bytes_max: usize,
    },
    /// The namespace has as many keys as it may.
    #[error("the namespace has {most} keys already, and no more may be; revoke some")]
    TooMany {
        /// How many may be.
        most: usize,
    },
    /// There is no key yet, and this one could make no others.
    #[error("the first key of a namespace has to be an admin's: no other role could make keys over HTTP")]
    FirstNotAdmin,
    /// The key would be good for nothing from the beginning.
    #[error("the end of the key, {}, is past: it is {} by the store's clock", point(*expires_at_us), point(*now_us))]
    Past {
        /// The end that was asked for, in microseconds since 1970.
        expires_at_us: u64,
        /// The store's time.
        now_us: u64,
    },
    /// The store can't count so far.
    #[error(
        "the end of the key is {}, expected at most {}; give none for a key without an end",
        point(*expires_at_us),
        point(NewKey::EXPIRES_AT_US_MAX)
    )]
    TooFar {
        /// The end that was asked for, in microseconds since 1970.
        expires_at_us: u64,
    },
    /// What was given as an id is longer than one: a whole key perhaps, and not told again.
    #[error(
        "expected the id of a key as lists have it, 16 hexadecimal digits: of a whole key the 16 behind tg_, without the secret behind them"
    )]
    NotAnId,
    /// There is no key of this id, or no more.
    #[error("there is no key {id:?}, or it has been revoked")]
    Unknown {
        /// The id that was asked for.
        id: String,
    },
}

/// A point in time as RFC 3339 has it, to the second; beyond the year 9999 as it was given.
fn point(us: u64) -> String {
    let time = i64::try_from(us).ok().and_then(|us| Timestamp::from_microsecond(us).ok());
    time.map_or_else(|| format!("{us} us since 1970"), |time| format!("{time:.0}"))
}
