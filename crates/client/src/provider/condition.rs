//! Conditions: whether an answer holds a text.

use super::document::ConditionDocument;
use super::source::{Source, Use};
use super::view::View;
use crate::policy::{Problems, Wrong};

/// A text that an answer must hold.
#[derive(Debug, Clone)]
pub(super) struct Condition {
    source: Source,
    /// Empty stands for any.
    is: Vec<String>,
}

impl Condition {
    pub(super) fn check(
        document: &ConditionDocument,
        field: &str,
        problems: &mut Problems,
    ) -> Option<Condition> {
        let is = document.is.as_ref().map(|is| is.0.clone());
        if is.as_ref().is_some_and(Vec::is_empty) {
            problems.add(Wrong::plain("an empty list", "at least one value").at(format!("{field}.is")));
        }
        let source = Source::check(document.written(), Use::Test, field, problems)?;
        Some(Condition { source, is: is.unwrap_or_default() })
    }

    pub(super) fn is_in_body(&self) -> bool {
        self.source.is_in_body()
    }

    pub(super) fn holds(&self, view: &View<'_>) -> bool {
        let meant = |text: &str| self.is.is_empty() || self.is.iter().any(|is| is == text.trim());
        self.source.find(view, |text| meant(text).then_some(())).is_some()
    }
}

/// Checks a condition that may be left out. One that is wrong is left out too: what is noted of it refuses the
/// document.
pub(super) fn optional(
    document: Option<&ConditionDocument>,
    field: &str,
    problems: &mut Problems,
) -> Option<Condition> {
    Condition::check(document?, field, problems)
}

/// Whether a condition holds, or there is none.
pub(super) fn holds(condition: Option<&Condition>, view: &View<'_>) -> bool {
    condition.is_none_or(|condition| condition.holds(view))
}
