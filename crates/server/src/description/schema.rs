//! Schemas that can't be derived.

use utoipa::openapi::schema::{Object, ObjectBuilder, Type};

/// A field that is always true.
pub(crate) fn only_true() -> Object {
    only(true)
}

/// A field that is always false.
pub(crate) fn only_false() -> Object {
    only(false)
}

fn only(value: bool) -> Object {
    ObjectBuilder::new().schema_type(Type::Boolean).enum_values(Some([value])).build()
}
