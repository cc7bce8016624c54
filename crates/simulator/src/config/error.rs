//! Why a configuration can't be used.

/// The field that is wrong, what stands there, and what would be right.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}{}: {found}, expected {expected}", line.map(|line| format!(" (line {line})")).unwrap_or_default())]
pub struct ConfigError {
    /// The path of the field, such as `limit[2].window`.
    pub field: String,
    /// The line of the text, where that is known.
    pub line: Option<usize>,
    /// What stands there.
    pub found: String,
    /// What would be right.
    pub expected: String,
}

impl ConfigError {
    /// About a value that fits by itself and not with the others.
    pub(super) fn new(
        field: impl Into<String>,
        found: impl Into<String>,
        expected: impl Into<String>,
    ) -> Self {
        Self { field: field.into(), line: None, found: found.into(), expected: expected.into() }
    }
}
