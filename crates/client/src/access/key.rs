//! A key as the store has it, and as it is made.

use std::fmt;

use sha2::{Digest, Sha256};

use super::error::KeyError;
use super::role::Role;
use crate::engine::KeyRecord;
use crate::identity::hex;

/// An API key as the store has it: without its secret, which nobody has but whom it was given to.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ApiKey {
    /// Its name in lists and in the audit trail: 16 hexadecimal digits.
    pub id: String,
    /// What it is for.
    pub role: Role,
    /// Whose it is.
    pub label: String,
    /// Who made it.
    pub author: String,
    /// When, in microseconds since 1970 by the store's clock.
    pub made_at_us: u64,
    /// From when on it is good for nothing, in microseconds since 1970 by the store's clock.
    pub expires_at_us: Option<u64>,
    /// When it was last used, to the minute, in microseconds since 1970 by the store's clock.
    pub used_at_us: Option<u64>,
    pub(super) digest: String,
}

/// A key that is to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewKey {
    /// What it is for.
    pub role: Role,
    /// Whose it is: 1 to [`NewKey::LABEL_BYTES_MAX`] bytes without control characters, marks of writing direction and
    /// line separators, and not with an end like `(key 0123456789abcdef)`. Changes made with the key are told by it,
    /// and such an end behind it.
    pub label: String,
    /// From when on it is good for nothing, in microseconds since 1970 by the store's clock, at most
    /// [`NewKey::EXPIRES_AT_US_MAX`]; `None` for never.
    pub expires_at_us: Option<u64>,
}

/// A key that was made.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct MadeKey {
    /// It, as the store has it.
    pub key: ApiKey,
    /// What its owner shows. It is told this once, and stored nowhere.
    pub token: KeyToken,
}

/// What the owner of a key shows: `tg_<id>_<secret>`. Its `Debug` does not.
#[derive(Clone, PartialEq, Eq)]
pub struct KeyToken(String);

/// What every token begins with, so that one that has gone astray is recognised.
pub(super) const PREFIX: &str = "tg_";

/// Hexadecimal digits of an id, 64 bits, and of a secret, 256 bits.
pub(super) const ID_DIGITS: usize = 16;
pub(super) const SECRET_DIGITS: usize = 64;

impl NewKey {
    /// Most bytes of a label.
    pub const LABEL_BYTES_MAX: usize = 64;

    /// Latest end of a key, in microseconds since 1970: the scripts count in doubles.
    pub const EXPIRES_AT_US_MAX: u64 = (1 << 53) - 1;

    pub(super) fn has_label(&self) -> bool {
        let fits = (1..=Self::LABEL_BYTES_MAX).contains(&self.label.len());
        fits && !self.label.contains(is_misleading) && !names_a_key(&self.label)
    }
}

/// What makes a line be read otherwise than it was written, or as two: controls, marks of writing direction and line
/// separators.
fn is_misleading(letter: char) -> bool {
    let is_mark = matches!(letter, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    is_mark || letter.is_control()
}

/// Whether it ends as authors do who are told by a key.
fn names_a_key(label: &str) -> bool {
    let end = label.trim_end().strip_suffix(')').and_then(|label| label.rsplit_once("(key "));
    end.is_some_and(|(_, id)| id.len() == ID_DIGITS && id.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

impl ApiKey {
    /// `None` of one whose role this version does not know: it opens nothing.
    pub(super) fn of(record: KeyRecord) -> Option<Self> {
        let KeyRecord { id, digest, role, label, author, made_at_us, expires_at_us, used_at_us } = record;
        let some = |us: u64| Some(us).filter(|us| *us > 0);
        let role = role.parse().ok()?;
        let (expires_at_us, used_at_us) = (some(expires_at_us), some(used_at_us));
        Some(Self { id, role, label, author, made_at_us, expires_at_us, used_at_us, digest })
    }

    /// Whether this may be the id of a key, and is not the whole of one, which should be sent and shown nowhere.
    ///
    /// # Errors
    /// [`KeyError::NotAnId`], without it.
    pub fn check_id(id: &str) -> Result<(), KeyError> {
        if id.len() > ID_DIGITS || id.starts_with(PREFIX) { Err(KeyError::NotAnId) } else { Ok(()) }
    }

    /// Whether it is good for nothing any more at `now_us` by the store's clock.
    #[must_use]
    pub fn is_expired(&self, now_us: u64) -> bool {
        self.expires_at_us.is_some_and(|end_us| end_us <= now_us)
    }
}

impl KeyToken {
    pub(super) fn of(id: &str, secret: &str) -> Self {
        Self(format!("{PREFIX}{id}_{secret}"))
    }

    /// The text itself, for its owner alone.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    pub(super) fn digest(&self) -> String {
        digest_of(self.0.as_bytes())
    }
}

impl fmt::Debug for KeyToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyToken(..)")
    }
}

/// By what a token is known again. Nobody guesses 256 random bits, however quickly each guess is tried: a slow hash,
/// which is for passwords that people choose, would protect nothing more and stand in front of every acquire.
pub(super) fn digest_of(token: &[u8]) -> String {
    hex(&Sha256::digest(token))
}
