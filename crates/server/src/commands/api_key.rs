//! The API key that a command shows to a service.

use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

use anyhow::{Context, Result};
use hyper::header::HeaderValue;

/// A key as the command line has it. It is never shown.
#[derive(Clone, Default)]
pub(super) struct KeyText(String);

impl KeyText {
    /// The field that shows it; none where it is empty, which is what compose files make of a variable that is not set.
    pub(super) fn authorization(&self) -> Result<Option<HeaderValue>> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let is_plain = self.0.bytes().all(|byte| byte.is_ascii_graphic());
        let value = is_plain.then(|| HeaderValue::try_from(format!("Bearer {}", self.0)).ok()).flatten();
        let mut value =
            value.context("--api-key: expected a key such as `tollgate keys create` prints, tg_...")?;
        value.set_sensitive(true);
        Ok(Some(value))
    }
}

impl FromStr for KeyText {
    type Err = Infallible;

    /// Takes any text: an error of the command line's parser would show it.
    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Debug for KeyText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyText(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_shown_to_the_service_and_to_nobody_else() {
        let key: KeyText = "tg_0_s3cret".parse().expect("any text");
        let field = key.authorization().expect("a key").expect("there is one");
        assert_eq!(field, "Bearer tg_0_s3cret");
        assert!(!format!("{key:?} {field:?}").contains("s3cret"));
        assert!(KeyText::default().authorization().is_ok_and(|field| field.is_none()));
        for text in ["s3cret\n", "s3 cret", "\u{e4}"] {
            let error = text.parse::<KeyText>().expect("any text").authorization().expect_err(text);
            let told = format!("{error:#}");
            assert!(told.contains("--api-key") && !told.contains("s3"), "{told}");
        }
    }
}
