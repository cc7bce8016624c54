//! The free attributes of a call.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};

/// Attributes by name, each of them once: readers of JSON do not agree which of two counts.
#[derive(Default)]
pub(super) struct Attributes(BTreeMap<String, String>);

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
