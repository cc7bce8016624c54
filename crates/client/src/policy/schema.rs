//! The schemas of the policy: those of the documents that are read and written.

use super::checked::Policy;
use super::document::{Document, LimitDocument, OneOrMore};
use super::limit::{Limit, Shown};
use std::borrow::Cow;
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, OneOfBuilder, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

/// A schema by its name.
type Named = (String, RefOr<Schema>);

impl PartialSchema for Policy {
    fn schema() -> RefOr<Schema> {
        Document::<LimitDocument>::schema()
    }
}

impl ToSchema for Policy {
    fn name() -> Cow<'static, str> {
        "Policy".into()
    }

    fn schemas(schemas: &mut Vec<Named>) {
        schemas.push((LimitDocument::name().into_owned(), LimitDocument::schema()));
        Document::<LimitDocument>::schemas(schemas);
    }
}

impl PartialSchema for Limit {
    fn schema() -> RefOr<Schema> {
        Shown::schema()
    }
}

impl ToSchema for Limit {
    fn name() -> Cow<'static, str> {
        "Limit".into()
    }

    fn schemas(schemas: &mut Vec<Named>) {
        Shown::schemas(schemas);
    }
}

impl PartialSchema for OneOrMore {
    fn schema() -> RefOr<Schema> {
        let text = || ObjectBuilder::new().schema_type(Type::String);
        OneOfBuilder::new().item(text()).item(ArrayBuilder::new().items(text())).into()
    }
}

impl ToSchema for OneOrMore {}
