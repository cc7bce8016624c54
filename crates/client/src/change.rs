//! Who changes a policy, and what for.

/// Who changes a policy, and what for. It is kept with the version, read with it by every replica, and told in the
/// audit trail: short texts of one line each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// Who makes the change: up to [`Change::AUTHOR_BYTES_MAX`] bytes without control characters.
    pub author: String,
    /// What for: up to [`Change::REASON_BYTES_MAX`] bytes without control characters.
    pub reason: String,
}

/// A text of a [`Change`] that can't be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the {field} of a change takes at most {bytes_max} bytes of text without control characters")]
pub struct ChangeError {
    /// Which: `author` or `reason`.
    pub field: &'static str,
    /// How long it may be.
    pub bytes_max: usize,
}

impl Change {
    /// Most bytes of an author.
    pub const AUTHOR_BYTES_MAX: usize = 256;

    /// Most bytes of a reason.
    pub const REASON_BYTES_MAX: usize = 1_024;

    pub(crate) fn check(&self) -> Result<(), ChangeError> {
        let texts = [
            ("author", &self.author, Self::AUTHOR_BYTES_MAX),
            ("reason", &self.reason, Self::REASON_BYTES_MAX),
        ];
        let unfit = texts
            .into_iter()
            .find(|(_, text, bytes_max)| text.len() > *bytes_max || text.contains(char::is_control));
        unfit.map_or(Ok(()), |(field, _, bytes_max)| Err(ChangeError { field, bytes_max }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_of_one_line_and_no_longer_than_is_said() {
        let change =
            |author: &str, reason: &str| Change { author: author.to_owned(), reason: reason.to_owned() };
        let long = "é".repeat(Change::REASON_BYTES_MAX / 2);
        assert_eq!(change("", "").check(), Ok(()));
        assert_eq!(change(&"a".repeat(Change::AUTHOR_BYTES_MAX), &long).check(), Ok(()));
        for (unfit, field) in [
            (change(&"a".repeat(Change::AUTHOR_BYTES_MAX + 1), ""), "author"),
            (change("a\nb", ""), "author"),
            (change("", &format!("{long}.")), "reason"),
            (change("", "a\u{9b}b"), "reason"),
        ] {
            assert_eq!(unfit.check().expect_err("unfit").field, field);
        }
    }
}
