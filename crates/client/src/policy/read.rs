//! From text to document: TOML or JSON, with the place and the field of what does not fit.

use super::document::{Document, LimitDocument};
use super::error::PolicyError;
use super::problem::{Position, Problem, Wrong, quoted, shown};
use super::table::Table;
use serde::de::DeserializeOwned;
use serde_path_to_error::{Path, Segment};

/// Longest document, in bytes: 1 MiB, which holds some fifty thousand overrides.
const DOCUMENT_BYTES_MAX: usize = 1 << 20;

/// Reads a TOML document, of a policy or of a part of one that has a file of its own.
pub(crate) fn toml<T: DeserializeOwned>(text: &str) -> Result<T, PolicyError> {
    check_size(text)?;
    let problem = |field: String, error: &toml::de::Error| {
        let position = error.span().map(|span| position_at(text, span.start));
        problem_of(field, error.message(), position)
    };
    let reader = toml::Deserializer::parse(text).map_err(|error| problem("document".to_owned(), &error))?;
    let document = serde_path_to_error::deserialize(reader);
    document
        .map(|Table(document)| document)
        .map_err(|error| problem(field_of(error.path()), error.inner()).into())
}

/// Reads a JSON document.
pub(super) fn json(text: &str) -> Result<Document<LimitDocument>, PolicyError> {
    check_size(text)?;
    let problem = |field: String, error: &serde_json::Error| {
        // The message ends in the position, which is told on its own.
        let message = error.to_string();
        let message = message.rsplit_once(" at line ").map_or(&*message, |(message, _)| message);
        let position = Position { line: error.line(), column: error.column() };
        problem_of(field, message, (error.line() > 0).then_some(position))
    };
    let mut reader = serde_json::Deserializer::from_str(text);
    let Table(document) = serde_path_to_error::deserialize(&mut reader)
        .map_err(|error| problem(field_of(error.path()), error.inner()))?;
    reader.end().map_err(|error| problem("document".to_owned(), &error))?;
    Ok(document)
}

fn check_size(text: &str) -> Result<(), Wrong> {
    if text.len() > DOCUMENT_BYTES_MAX {
        let expected = format!("at most {DOCUMENT_BYTES_MAX} bytes");
        return Err(Wrong::plain(format!("{} bytes", text.len()), expected));
    }
    Ok(())
}

fn position_at(text: &str, byte: usize) -> Position {
    let before = text.get(..byte).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |end| end + 1);
    Position { line: before.matches('\n').count() + 1, column: before[line_start..].chars().count() + 1 }
}

/// The path of a field as this crate writes it: keys that the user chose are in quotes.
fn field_of(path: &Path) -> String {
    let mut field = String::new();
    let mut chosen = false;
    for segment in path {
        let separator = if field.is_empty() { "" } else { "." };
        field = match segment {
            Segment::Seq { index } => format!("{field}[{index}]"),
            Segment::Map { key } if chosen => format!("{field}{separator}{}", quoted(key)),
            Segment::Map { key } => format!("{field}{separator}{}", shown(key)),
            Segment::Enum { .. } | Segment::Unknown => field,
        };
        chosen = !chosen && matches!(segment, Segment::Map { key } if key == "override" || key == "weight");
    }
    if field.is_empty() { "document".to_owned() } else { field }
}

/// Serde and the parsers say "what is there, expected what would be right", or only what is there.
fn problem_of(field: String, message: &str, position: Option<Position>) -> Problem {
    let message = message.trim_end();
    let missing = message.strip_prefix("missing field `").and_then(|rest| rest.strip_suffix('`'));
    if let Some(missing) = missing {
        let field = if field == "document" { missing.to_owned() } else { format!("{field}.{missing}") };
        return Problem { field, value: "missing".to_owned(), expected: "a value".to_owned(), position };
    }
    let (value, expected) = message.split_once(", expected ").unwrap_or((message, "a policy document"));
    let value =
        value.strip_prefix("invalid type: ").or(value.strip_prefix("invalid value: ")).unwrap_or(value);
    // The type's name says nothing to those who write policies.
    let expected =
        if matches!(expected, "u16" | "u32" | "u64") { "a whole number, from 0 on" } else { expected };
    Problem { field, value: shown(value), expected: expected.to_owned(), position }
}
