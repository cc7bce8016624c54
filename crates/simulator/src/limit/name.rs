//! The name of a limit, as the provider tells it: a namespace and a key.

use std::fmt;
use std::str::FromStr;

/// Such as `platform.api/client.credentials.token.rate.per.minute`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LimitName {
    namespace: String,
    key: String,
}

/// A text that is no name of a limit.
#[derive(Debug, thiserror::Error)]
#[error("{text:?}, expected {}", LimitName::EXPECTED)]
pub struct NameError {
    text: String,
}

impl LimitName {
    /// What a name has to be, for errors.
    pub(crate) const EXPECTED: &str =
        "a namespace and a key, of a-z, 0-9, '.', '_' and '-', such as \"directory/user.rate.per.minute\"";

    /// What stands before the slash: the service.
    #[must_use]
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// What stands behind it.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }
}

impl FromStr for LimitName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        // Names end up in headers and URLs of their own accord, so they are plain.
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._-".contains(&byte);
        let fits = |part: &str| (1..=128).contains(&part.len()) && part.bytes().all(plain);
        match text.split_once('/') {
            Some((namespace, key)) if fits(namespace) && fits(key) => {
                Ok(Self { namespace: namespace.into(), key: key.into() })
            }
            _ => Err(NameError { text: text.chars().take(64).collect() }),
        }
    }
}

impl fmt::Display for LimitName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}/{}", self.namespace, self.key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_a_namespace_and_a_key() {
        let name: LimitName = "platform.api/token.rate.per.minute".parse().expect("a name");
        assert_eq!((name.namespace(), name.key()), ("platform.api", "token.rate.per.minute"));
        assert_eq!(name.to_string(), "platform.api/token.rate.per.minute");
        for text in ["", "a", "/a", "a/", "a/b/c", "a/B", "a/\"b\"", "a/b\n"] {
            assert!(text.parse::<LimitName>().is_err(), "{text:?}");
        }
    }
}
