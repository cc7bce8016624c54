//! The free attributes of a call.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use utoipa::openapi::schema::{Object, ObjectBuilder, Schema, Type};

/// Attributes by name, each of them once: readers of JSON do not agree which of two counts.
#[derive(Default)]
pub(super) struct Attributes(BTreeMap<String, String>);

/// Names and values, as the description of the API has them.
pub(super) fn schema() -> Object {
    let text = || ObjectBuilder::new().schema_type(Type::String);
    let name = text().pattern(Some("^[A-Za-z0-9._-]{1,64}$")).build();
    let value = text().min_length(Some(1)).max_length(Some(256));
    let value = value.pattern(Some(r"^[^\u0000-\u001f\u007f-\u009f]*$"));
    ObjectBuilder::new()
        .description(Some("Anything else limits are counted per, at most 16, each of them once."))
        .max_properties(Some(16))
        .property_names(Some(Schema::Object(name)))
        .additional_properties(Some(value))
        .build()
}

impl IntoIterator for Attributes {
    type Item = (String, String);
    type IntoIter = std::collections::btree_map::IntoIter<String, String>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'de> Deserialize<'de> for Attributes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Unique;

        impl<'de> Visitor<'de> for Unique {
            type Value = Attributes;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of texts")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Attributes, A::Error> {
                let mut attributes = BTreeMap::new();
                while let Some((name, value)) = map.next_entry::<String, String>()? {
                    if attributes.insert(name, value).is_some() {
                        return Err(A::Error::custom("an attribute is named twice, expected it once"));
                    }
                }
                Ok(Attributes(attributes))
            }
        }

        deserializer.deserialize_map(Unique)
    }
}
