//! The header fields of a provider's answer.

use std::fmt;

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Unexpected, Visitor};
use utoipa::openapi::schema::{ArrayBuilder, Object, ObjectBuilder, OneOfBuilder, Schema, Type};

/// Most fields of one answer: twice of what common servers send at most.
const FIELDS_MAX: usize = 200;

/// Header fields: by name a value, or a list of values where a field is there several times.
#[derive(Default)]
pub(super) struct Headers(HeaderMap);

/// Names and values, as the description of the API has them.
pub(super) fn schema() -> Object {
    let text = || ObjectBuilder::new().schema_type(Type::String);
    let name = text().pattern(Some("^[!#$%&'*+.^_`|~0-9A-Za-z-]+$")).build();
    let value = || text().pattern(Some(r"^[^\u0000-\u0008\u000a-\u001f\u007f]*$"));
    let values = ArrayBuilder::new().items(value());
    ObjectBuilder::new()
        .description(Some(
            "Its header fields, at most 200: by name a value, or a list where a field was there several times. Letter case does \
             not count in names.",
        ))
        .property_names(Some(Schema::Object(name)))
        .additional_properties(Some(Schema::from(OneOfBuilder::new().item(value()).item(values))))
        .build()
}

impl Headers {
    pub(super) fn fields(&self) -> &HeaderMap {
        &self.0
    }
}

impl<'de> Deserialize<'de> for Headers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;

        impl<'de> Visitor<'de> for Fields {
            type Value = Headers;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of header fields")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Headers, A::Error> {
                let mut fields = HeaderMap::new();
                while let Some(name) = map.next_key::<String>()? {
                    let name = name_of(&name)?;
                    let Values(values) = map.next_value()?;
                    if fields.len() + values.len() > FIELDS_MAX {
                        let expected =
                            format!("there are more header fields than the {FIELDS_MAX} that may be");
                        return Err(A::Error::custom(expected));
                    }
                    for value in values {
                        fields.append(&name, value);
                    }
                }
                Ok(Headers(fields))
            }
        }

        deserializer.deserialize_map(Fields)
    }
}

/// The values of one field. Errors do not repeat them: cookies are secrets.
struct Values(Vec<HeaderValue>);

impl<'de> Deserialize<'de> for Values {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneOrMore;

        impl<'de> Visitor<'de> for OneOrMore {
            type Value = Values;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text or a list of texts")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Values, E> {
                value_of(text).map(|value| Values(vec![value]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Values, A::Error> {
                let mut values = Vec::new();
                while let Some(text) = list.next_element::<String>()? {
                    values.push(value_of(&text)?);
                }
                Ok(Values(values))
            }
        }

        deserializer.deserialize_any(OneOrMore)
    }
}

/// The name of a field. Letter case does not count.
fn name_of<E: Error>(name: &str) -> Result<HeaderName, E> {
    let expected = &"the name of a header field, such as \"retry-after\"";
    HeaderName::from_bytes(name.as_bytes()).map_err(|_| E::invalid_value(Unexpected::Str(name), expected))
}

fn value_of<E: Error>(text: &str) -> Result<HeaderValue, E> {
    HeaderValue::from_bytes(text.as_bytes()).map_err(|_| {
        E::custom("the value of a header field holds a control character, expected text on one line")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_told_once_or_several_times_in_any_case() {
        let json =
            r#"{"Retry-After": "42", "x-y": ["a", "b"], "X-Y": "c", "empty": "", "none": [], "utf-8": "ü"}"#;
        let Headers(fields) = serde_json::from_str(json).expect(json);
        assert_eq!(fields["retry-after"], "42");
        assert_eq!(fields.get_all("x-y").iter().collect::<Vec<_>>(), ["a", "b", "c"]);
        assert_eq!(
            (fields["empty"].len(), fields.get("none"), fields["utf-8"].as_bytes()),
            (0, None, "ü".as_bytes())
        );
    }

    #[test]
    fn what_is_no_field_is_told_without_its_value() {
        for json in [
            r#"{"": "s3cret"}"#,
            r#"{"a b": "s3cret"}"#,
            r#"{"a\r\nb": "s3cret"}"#,
            r#"{"ä": "s3cret"}"#,
            r#"{"a": "s3cret\r\nx: y"}"#,
            r#"{"a": ["b", "s3cret\u0000"]}"#,
            r#"{"a": ["b", 7]}"#,
            r#"{"a": 7}"#,
            r#"{"a": {"b": "s3cret"}}"#,
            r#"["a", "s3cret"]"#,
            "null",
        ] {
            let error = serde_json::from_str::<Headers>(json).err().expect(json).to_string();
            assert!(error.contains("expected") && !error.contains("s3cret"), "{json}: {error}");
        }
    }

    #[test]
    fn there_are_no_more_fields_than_may_be() {
        let many = |count: usize| format!(r#"{{"a": [{}"x"], "b": "y"}}"#, r#""x","#.repeat(count - 2));
        assert!(serde_json::from_str::<Headers>(&many(FIELDS_MAX)).is_ok());
        assert!(serde_json::from_str::<Headers>(&many(FIELDS_MAX + 1)).is_err());
    }
}
