//! What can go wrong with API keys.

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
    #[error("the end of the key is past: {expires_at_us} us, and it is {now_us} us by the store's clock")]
    Past {
        /// The end that was asked for, in microseconds since 1970.
        expires_at_us: u64,
        /// The store's time.
        now_us: u64,
    },
    /// The store can't count so far.
    #[error(
        "the end of the key is {expires_at_us} us, expected at most {} us, which is in the year 2255; give none for a key without an end",
        NewKey::EXPIRES_AT_US_MAX
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
