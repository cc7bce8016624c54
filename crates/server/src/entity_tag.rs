//! Entity tags of policies, and the conditions that requests set on them (RFC 9110, section 13.1).

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use utoipa::openapi::schema::{ObjectBuilder, OneOfBuilder, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::problem::{Kind, Problem};

/// The tag of a version as a header. Tags are digits, letters and dashes.
pub(crate) fn header_of(tag: &str) -> Option<HeaderValue> {
    HeaderValue::from_str(&format!("\"{tag}\"")).ok()
}

/// `If-Match` or `If-None-Match`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Condition {
    /// `*`: whichever there is.
    Any,
    /// One of these, as they are written but for the quotes; weak ones with their `W/`.
    OneOf(Vec<String>),
}

/// As a text, for the description of the API.
impl PartialSchema for Condition {
    fn schema() -> RefOr<Schema> {
        let text = || ObjectBuilder::new().schema_type(Type::String);
        let tags = text().pattern(Some(r#"^(W/)?"[!#-~]*"(, (W/)?"[!#-~]*")*$"#));
        OneOfBuilder::new().item(text().enum_values(Some(["*"]))).item(tags).into()
    }
}

impl ToSchema for Condition {}

impl Condition {
    /// The condition under which something is changed.
    pub(crate) fn if_match(headers: &HeaderMap) -> Result<Option<Self>, Problem> {
        Self::read(headers, &header::IF_MATCH)
    }

    /// The condition under which something is sent.
    pub(crate) fn if_none_match(headers: &HeaderMap) -> Result<Option<Self>, Problem> {
        Self::read(headers, &header::IF_NONE_MATCH)
    }

    /// Strong comparison: what was weakened on its way may be another version.
    pub(crate) fn is_met_by(&self, tag: &str) -> bool {
        match self {
            Self::Any => true,
            Self::OneOf(tags) => tags.iter().any(|known| known == tag),
        }
    }

    /// Weak comparison.
    pub(crate) fn names(&self, tag: &str) -> bool {
        match self {
            Self::Any => true,
            Self::OneOf(tags) => tags.iter().any(|known| known.strip_prefix("W/").unwrap_or(known) == tag),
        }
    }

    fn read(headers: &HeaderMap, name: &HeaderName) -> Result<Option<Self>, Problem> {
        let mut tags = Vec::new();
        for value in headers.get_all(name) {
            let text = value.to_str().ok().map(str::trim);
            if text == Some("*") {
                return Ok(Some(Self::Any));
            }
            let listed = text.and_then(listed).ok_or_else(|| {
                let expected = "expected entity tags in quotes, such as \"1-0123456789abcdef\", or *";
                Problem::new(Kind::MALFORMED, format!("{name} can't be read, {expected}"))
                    .field(name.as_str())
            })?;
            tags.extend(listed);
        }
        Ok(Some(tags).filter(|tags| !tags.is_empty()).map(Self::OneOf))
    }
}

/// A list of tags. A comma in quotes is part of its tag, though none of ours has one.
fn listed(text: &str) -> Option<Vec<String>> {
    let mut is_quoted = false;
    let separates = |letter: char| {
        is_quoted ^= letter == '"';
        letter == ',' && !is_quoted
    };
    text.split(separates).map(|item| tag_in(item.trim())).collect()
}

fn tag_in(item: &str) -> Option<String> {
    let (weak, quoted) = match item.strip_prefix("W/") {
        Some(quoted) => ("W/", quoted),
        None => ("", item),
    };
    let tag = quoted.strip_prefix('"')?.strip_suffix('"')?;
    (!tag.contains('"')).then(|| format!("{weak}{tag}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn if_match(value: &'static str) -> Option<Condition> {
        let headers = HeaderMap::from_iter([(header::IF_MATCH, HeaderValue::from_static(value))]);
        Condition::if_match(&headers).unwrap_or_else(|problem| panic!("{problem:?}"))
    }

    #[test]
    fn a_change_needs_a_strong_match_and_a_read_a_weak_one() {
        for (value, strong, weak) in [
            (r#""1-a""#, true, true),
            (r#""0-x", "1-a""#, true, true),
            (r#""0,x","1-a""#, true, true),
            (r#"W/"1-a""#, false, true),
            (r#""2-b""#, false, false),
            ("*", true, true),
        ] {
            let condition = if_match(value).expect(value);
            assert_eq!((condition.is_met_by("1-a"), condition.names("1-a")), (strong, weak), "{value}");
        }
    }

    #[test]
    fn a_tag_without_quotes_is_refused_with_what_would_be_right() {
        for value in ["1-a", "\"", "\"1-a\", 2-b", "\"1-a\"2-b\"", ""] {
            let headers = HeaderMap::from_iter([(header::IF_MATCH, HeaderValue::from_static(value))]);
            assert!(Condition::if_match(&headers).is_err(), "{value}");
        }
        assert!(Condition::if_match(&HeaderMap::new()).is_ok_and(|condition| condition.is_none()));
    }
}
