//! Tables and words of a document, and nothing else in their place.

use serde::de::value::{MapAccessDeserializer, StrDeserializer};
use serde::de::{Deserialize, Deserializer, Error, IntoDeserializer, MapAccess, Visitor};
use std::fmt;
use std::marker::PhantomData;

/// A struct that is written as a table. Left to itself, serde would also take a list of its fields in their order,
/// which nobody means and which would change its sense with the next field.
pub(crate) struct Table<T>(pub(crate) T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Table<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ByName<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for ByName<T> {
            type Value = T;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("a table")
            }

            fn visit_map<A: MapAccess<'de>>(self, table: A) -> Result<T, A::Error> {
                T::deserialize(MapAccessDeserializer::new(table))
            }
        }

        deserializer.deserialize_map(ByName(PhantomData)).map(Table)
    }
}

/// An enum that is written as a word. Left to itself, serde would also take a table such as `{ enforce = {} }`.
struct Word<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Word<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AsText<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for AsText<T> {
            type Value = T;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("a word in quotes")
            }

            fn visit_str<E: Error>(self, word: &str) -> Result<T, E> {
                let word: StrDeserializer<'_, E> = word.into_deserializer();
                T::deserialize(word)
            }
        }

        deserializer.deserialize_str(AsText(PhantomData)).map(Word)
    }
}

/// A table in a field that may be absent.
pub(crate) fn table<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    Option::<Table<T>>::deserialize(deserializer).map(|table| table.map(|Table(table)| table))
}

/// A list of tables.
pub(crate) fn tables<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    let tables = Vec::<Table<T>>::deserialize(deserializer)?;
    Ok(tables.into_iter().map(|Table(table)| table).collect())
}

/// A list of tables in a field that may be absent.
pub(crate) fn optional_tables<'de, D, T>(deserializer: D) -> Result<Option<Vec<T>>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    tables(deserializer).map(Some)
}

/// One word of several in a field that may be absent.
pub(crate) fn word<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    Option::<Word<T>>::deserialize(deserializer).map(|word| word.map(|Word(word)| word))
}
