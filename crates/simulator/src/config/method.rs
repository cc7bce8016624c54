//! Methods, in capitals as requests have them.

use super::error::ConfigError;

/// The method, if it is one.
pub(super) fn checked(field: &str, text: String) -> Result<String, ConfigError> {
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_uppercase()) {
        return Ok(text);
    }
    Err(ConfigError::new(field, format!("{text:?}"), "a method in capitals, such as \"GET\""))
}
