//! The name of the limit that was hit.

use super::condition::{self, Condition};
use super::document::NamedDocument;
use super::reading::ProviderLimit;
use super::source::{Source, Use};
use super::view::View;
use crate::call::{VALUE_BYTES_MAX, fault_in};
use crate::policy::{Problems, Wrong};

/// Most parts of a name.
const PARTS_MAX: usize = 8;

/// Where the name of the limit stands that was hit.
#[derive(Debug, Clone)]
pub(super) struct Named {
    when: Option<Condition>,
    /// The parts of the name, which are joined by `/`.
    parts: Vec<Source>,
    value: Option<Source>,
}

impl Named {
    pub(super) fn check(document: &NamedDocument, field: &str, problems: &mut Problems) -> Option<Named> {
        let parts = document.name.len();
        if !(1..=PARTS_MAX).contains(&parts) {
            let wrong = Wrong::plain(format!("{parts} parts"), format!("1 to {PARTS_MAX}"));
            problems.add(wrong.at(format!("{field}.name")));
            return None;
        }
        let parts = document.name.iter().enumerate().map(|(index, part)| {
            Source::check(part.written(), Use::Value, &format!("{field}.name[{index}]"), problems)
        });
        // All of them are checked, so that all problems are told at once.
        let parts: Vec<Option<Source>> = parts.collect();
        let value = document
            .value
            .as_ref()
            .map(|value| Source::check(value.written(), Use::Value, &format!("{field}.value"), problems));
        let when = condition::optional(document.when.as_ref(), &format!("{field}.when"), problems);
        Some(Named { when, parts: parts.into_iter().collect::<Option<_>>()?, value: value.flatten() })
    }

    pub(super) fn looks_at_body(&self) -> bool {
        self.parts.iter().chain(&self.value).any(Source::is_in_body)
            || self.when.as_ref().is_some_and(Condition::is_in_body)
    }

    /// The limit, if all parts of its name are there. A part of a name could be that of another limit.
    pub(super) fn read(&self, view: &View<'_>) -> Option<ProviderLimit> {
        if !condition::holds(self.when.as_ref(), view) {
            return None;
        }
        let parts: Vec<String> =
            self.parts.iter().map(|part| part.find(view, name)).collect::<Option<_>>()?;
        let name = name(&parts.join("/"))?;
        let value = self.value.as_ref().and_then(|value| value.number(view));
        Some(ProviderLimit { name, value: value.map(super::decimal::Decimal::floor) })
    }
}

/// A text, if it can be a name. It ends up in logs and keys, so it is short and has no control characters.
pub(super) fn name(text: &str) -> Option<String> {
    let text = text.trim();
    fault_in(text, VALUE_BYTES_MAX, String::new).is_none().then(|| text.to_owned())
}
