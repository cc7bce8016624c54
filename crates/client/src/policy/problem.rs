//! What is wrong with a policy document: where, what stands there, and what would be right.

use serde::Serialize;
use std::fmt;

/// Most characters of a value that are shown; the rest is cut off.
const VALUE_CHARS_MAX: usize = 64;

/// One thing that is wrong with a policy document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = PolicyProblem))]
pub struct Problem {
    /// Path of the field, such as `limit[2].override."acme".rate`; `document` for the whole of it.
    pub field: String,
    /// What stands there: a text in quotes, at most 64 characters of it, or words such as `missing`.
    pub value: String,
    /// What would be right.
    pub expected: String,
    /// Where in the text it is, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub position: Option<Position>,
}

/// A place in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Position {
    /// Line, from 1.
    pub line: usize,
    /// Column in that line, in characters from 1.
    pub column: usize,
}

impl fmt::Display for Problem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}", self.field)?;
        if let Some(Position { line, column }) = self.position {
            write!(out, " (line {line}, column {column})")?;
        }
        write!(out, ": {}, expected {}", self.value, self.expected)
    }
}

/// A value and what would be right, before it is known which field it stands in.
#[derive(Debug)]
pub(crate) struct Wrong {
    value: String,
    expected: String,
}

impl Wrong {
    /// About a text, which is shown in quotes.
    pub(crate) fn text(value: &str, expected: impl Into<String>) -> Wrong {
        Wrong { value: quoted(value), expected: expected.into() }
    }

    /// About a number, or about something described in words.
    pub(crate) fn plain(value: impl Into<String>, expected: impl Into<String>) -> Wrong {
        Wrong { value: value.into(), expected: expected.into() }
    }

    /// With a remark on what is expected.
    pub(super) fn remark(mut self, remark: &str) -> Wrong {
        self.expected.push_str(remark);
        self
    }

    pub(crate) fn at(self, field: impl Into<String>) -> Problem {
        Problem { field: field.into(), value: self.value, expected: self.expected, position: None }
    }
}

/// The problems found so far: the first twenty, and how many more there were.
///
/// A document can hold tens of thousands of overrides; if all are wrong in the same way, twenty tell it.
#[derive(Debug, Default)]
pub(crate) struct Problems {
    found: Vec<Problem>,
    more: usize,
}

impl Problems {
    const FOUND_MAX: usize = 20;

    pub(crate) fn add(&mut self, problem: Problem) {
        if self.found.len() < Self::FOUND_MAX {
            self.found.push(problem);
        } else {
            self.more += 1;
        }
    }

    /// The value, if it is right; else notes the problem of this field.
    pub(crate) fn take<T>(&mut self, field: impl Into<String>, checked: Result<T, Wrong>) -> Option<T> {
        checked.map_err(|wrong| self.add(wrong.at(field))).ok()
    }

    /// The problems and how many were left out, if there are any.
    pub(super) fn into_found(self) -> Option<(Vec<Problem>, usize)> {
        (!self.found.is_empty()).then_some((self.found, self.more))
    }
}

/// A text in quotes, cut to a length that fits a line.
pub(super) fn quoted(text: &str) -> String {
    match text.char_indices().nth(VALUE_CHARS_MAX) {
        Some((end, _)) => format!("{:?}...", &text[..end]),
        None => format!("{text:?}"),
    }
}

/// A text without quotes, on one line, cut to a length that fits it.
pub(super) fn shown(text: &str) -> String {
    let plain = |letter: char| {
        if letter.is_control() { char::REPLACEMENT_CHARACTER } else { letter }
    };
    let mut shown: String = text.chars().map(plain).take(VALUE_CHARS_MAX).collect();
    if text.chars().nth(VALUE_CHARS_MAX).is_some() {
        shown.push_str("...");
    }
    shown
}
