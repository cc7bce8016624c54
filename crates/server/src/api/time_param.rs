//! A point in time as a parameter: RFC 3339, or microseconds since 1970.

use jiff::Timestamp;
use utoipa::openapi::schema::{Object, ObjectBuilder, Type};

use crate::problem::{Kind, Problem};

/// As the description of the API has it. Which days a month has, a pattern does not tell.
pub(super) fn schema() -> Object {
    let rfc3339 =
        "[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\\.[0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})";
    ObjectBuilder::new()
        .schema_type(Type::String)
        .pattern(Some(format!("^([0-9]{{1,19}}|{rfc3339})$")))
        .examples(["2026-11-26T07:00:00Z"])
        .build()
}

/// In microseconds since 1970.
pub(super) fn read(field: &str, text: &str) -> Result<u64, Problem> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let us = if digits {
        text.parse().ok()
    } else {
        text.parse::<Timestamp>().ok().and_then(|time| u64::try_from(time.as_microsecond()).ok())
    };
    us.ok_or_else(|| {
        let expected = "expected a time such as 2026-11-26T07:00:00Z, or microseconds since 1970";
        Problem::new(Kind::INVALID_VALUE, format!("{text:?}, {expected}")).field(field)
    })
}
