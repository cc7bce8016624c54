//! What a key is for.

use std::fmt;
use std::str::FromStr;

/// What a key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Role {
    /// To ask for permits and to tell what became of them. For the programs whose calls are limited.
    Acquire,
    /// To look at everything, and change nothing.
    Viewer,
    /// The same, and to change what binds single keys of limits: overrides and pauses.
    Operator,
    /// Everything, the policy and the keys included.
    Admin,
}

/// A text that is no role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no role, expected acquire, viewer, operator or admin")]
pub struct NoRole;

impl Role {
    /// Every role.
    pub const ALL: [Self; 4] = [Self::Acquire, Self::Viewer, Self::Operator, Self::Admin];

    /// As the store, the HTTP API and the command line have it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Acquire => "acquire",
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }

    /// Whether a key of this role is good for what needs the role `needed`.
    #[must_use]
    pub fn may(self, needed: Self) -> bool {
        self == Self::Admin || self == needed || (self == Self::Operator && needed == Self::Viewer)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Role {
    type Err = NoRole;

    fn from_str(text: &str) -> Result<Self, NoRole> {
        Self::ALL.into_iter().find(|role| role.as_str() == text).ok_or(NoRole)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_role_is_read_as_it_is_written_and_named_in_the_error() {
        for role in Role::ALL {
            assert_eq!(role.as_str().parse(), Ok(role));
            assert!(NoRole.to_string().contains(role.as_str()), "{role}");
        }
        assert_eq!("Admin".parse::<Role>(), Err(NoRole));
    }

    /// The whole table: a row for each role of a key, a column for each that may be needed.
    #[test]
    fn a_role_is_good_for_what_is_below_it() {
        let table = Role::ALL.map(|role| Role::ALL.map(|needed| role.may(needed)));
        assert_eq!(
            table,
            [
                [true, false, false, false],
                [false, true, false, false],
                [false, true, true, false],
                [true, true, true, true]
            ]
        );
    }
}
