//! From text to document, with the field and the line of what does not fit.

use serde_path_to_error::{Path, Segment};

use super::document::Document;
use super::error::ConfigError;

/// Largest file. A hundred thousand overrides fit.
const BYTES_MAX: usize = 4 << 20;

/// Most characters of a value that an error shows.
const SHOWN_MAX: usize = 120;

pub(super) fn toml(text: &str) -> Result<Document, ConfigError> {
    if text.len() > BYTES_MAX {
        return Err(ConfigError::new(
            "document",
            format!("{} bytes", text.len()),
            format!("at most {BYTES_MAX}"),
        ));
    }
    let reader = toml::Deserializer::parse(text).map_err(|error| of(text, "document".to_owned(), &error))?;
    serde_path_to_error::deserialize(reader).map_err(|error| of(text, field(error.path()), error.inner()))
}

/// The parsers say "what is there, expected what would be right", or only what is there.
fn of(text: &str, field: String, error: &toml::de::Error) -> ConfigError {
    let line =
        error.span().and_then(|span| text.get(..span.start)).map(|before| before.matches('\n').count() + 1);
    let message = error.message().trim_end();
    if let Some(missing) = message.strip_prefix("missing field `").and_then(|rest| rest.strip_suffix('`')) {
        let field = if field == "document" { missing.to_owned() } else { format!("{field}.{missing}") };
        return ConfigError { field, line, found: "missing".to_owned(), expected: "a value".to_owned() };
    }
    let (found, expected) = message.split_once(", expected ").unwrap_or((message, "a configuration in TOML"));
    let found =
        found.strip_prefix("invalid type: ").or(found.strip_prefix("invalid value: ")).unwrap_or(found);
    let expected = match expected {
        "i64" | "u16" => "a whole number",
        "f64" => "a number",
        "a string" => "a text in quotes",
        other => other,
    };
    ConfigError { field, line, found: shown(found), expected: expected.to_owned() }
}

fn field(path: &Path) -> String {
    let mut field = String::new();
    for segment in path {
        let separator = if field.is_empty() { "" } else { "." };
        field = match segment {
            Segment::Seq { index } => format!("{field}[{index}]"),
            Segment::Map { key } => format!("{field}{separator}{}", shown(key)),
            Segment::Enum { .. } | Segment::Unknown => field,
        };
    }
    if field.is_empty() { "document".to_owned() } else { field }
}

/// On one line, and cut to what fits it.
fn shown(text: &str) -> String {
    let plain = |letter: char| if letter.is_control() { char::REPLACEMENT_CHARACTER } else { letter };
    text.chars().map(plain).take(SHOWN_MAX).collect()
}
