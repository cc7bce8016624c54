//! A parameter that is one of a few words.

use utoipa::openapi::schema::{ObjectBuilder, Type};

/// As the description of the API has it.
pub(super) fn schema<const N: usize>(words: [&'static str; N]) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(words))
}
