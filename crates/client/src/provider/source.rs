//! Where a text stands in an answer: in a header field, at a place of a JSON body, or anywhere in the body.

use super::decimal::Decimal;
use super::pointer::Pointer;
use super::view::View;
use crate::policy::{Problems, Wrong};
use http::header::HeaderName;
use regex::bytes::{Regex, RegexBuilder};

/// Longest pattern, in bytes.
const PATTERN_BYTES_MAX: usize = 256;
/// Largest pattern once compiled, in bytes. It bounds what looking for it can cost.
const PATTERN_SIZE_MAX: usize = 1 << 16;

/// Where a text stands in an answer.
#[derive(Debug, Clone)]
pub(super) struct Source {
    place: Place,
    pattern: Option<Regex>,
}

#[derive(Debug, Clone)]
enum Place {
    Header(HeaderName),
    Json(Pointer),
    Body,
}

/// The fields of a document that say where a text stands.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Written<'a> {
    pub(super) header: Option<&'a str>,
    pub(super) body: Option<&'a str>,
    pub(super) pattern: Option<&'a str>,
}

/// What is made of the text that a pattern matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    /// It is looked at whether there is one, or which.
    Test,
    /// Its group is the value.
    Value,
}

impl Source {
    /// Checks where a text is said to stand. What is wrong is noted for this field.
    pub(super) fn check(
        written: Written<'_>,
        used: Use,
        field: &str,
        problems: &mut Problems,
    ) -> Option<Source> {
        // A pattern that is wrong counts as none: what is noted of it refuses the document.
        let pattern =
            written.pattern.and_then(|text| problems.take(format!("{field}.pattern"), pattern(text, used)));
        let place = match (written.header, written.body) {
            (Some(name), None) => problems.take(format!("{field}.header"), header(name)).map(Place::Header),
            (None, Some(text)) => {
                problems.take(format!("{field}.body"), Pointer::parse(text)).map(Place::Json)
            }
            (None, None) if written.pattern.is_some() => Some(Place::Body),
            (header, _) => {
                let value = if header.is_some() { "both header and body" } else { "neither header nor body" };
                problems.add(Wrong::plain(value, "one of them, or a pattern in the body").at(field));
                None
            }
        };
        Some(Source { place: place?, pattern })
    }

    /// Whether it is in the body.
    pub(super) fn is_in_body(&self) -> bool {
        !matches!(self.place, Place::Header(_))
    }

    /// The first text there that `accept` makes something of.
    pub(super) fn find<T>(&self, view: &View<'_>, mut accept: impl FnMut(&str) -> Option<T>) -> Option<T> {
        let mut accept = |text: &[u8]| accept(str::from_utf8(self.matched(text)?).ok()?);
        match &self.place {
            Place::Header(name) => view.headers(name).find_map(|text| accept(text.as_bytes())),
            Place::Json(pointer) => pointer.find(view.json()?, &mut |text| accept(text.as_bytes())),
            Place::Body => accept(view.body()),
        }
    }

    /// The first number there.
    pub(super) fn number(&self, view: &View<'_>) -> Option<Decimal> {
        self.find(view, Decimal::parse)
    }

    /// The part of a text that the pattern is after: its group, or the whole match where it has none.
    fn matched<'t>(&self, text: &'t [u8]) -> Option<&'t [u8]> {
        let Some(pattern) = &self.pattern else {
            return Some(text);
        };
        let found = pattern.captures(text)?;
        found.get(1).or(found.get(0)).map(|part| part.as_bytes())
    }
}

/// Checks the name of a header field.
pub(super) fn header(name: &str) -> Result<HeaderName, Wrong> {
    let expected = "the name of a header field, such as \"retry-after\"";
    HeaderName::from_bytes(name.as_bytes()).map_err(|_| Wrong::text(name, expected))
}

fn pattern(text: &str, used: Use) -> Result<Regex, Wrong> {
    if text.is_empty() || text.len() > PATTERN_BYTES_MAX {
        return Err(Wrong::text(text, format!("a regular expression of 1 to {PATTERN_BYTES_MAX} bytes")));
    }
    // Bodies are bytes: they need not be UTF-8, and `\d` means the ten digits.
    let built = RegexBuilder::new(text).unicode(false).size_limit(PATTERN_SIZE_MAX).build();
    let pattern = built.map_err(|error| match error {
        regex::Error::CompiledTooBig(_) => Wrong::text(text, "a smaller regular expression"),
        _ => Wrong::text(text, "a regular expression, such as 'in (\\d+) seconds'"),
    })?;
    let groups = pattern.captures_len() - 1;
    match used {
        Use::Value if groups != 1 => {
            Err(Wrong::text(text, "one group, around the value, such as 'in (\\d+) seconds'"))
        }
        Use::Test if groups > 1 => Err(Wrong::text(text, "at most one group")),
        _ => Ok(pattern),
    }
}
