//! The problems that an operation may answer, by their kinds.

use std::collections::BTreeMap;

use utoipa::openapi::response::{Response, ResponseBuilder};
use utoipa::openapi::schema::{AllOfBuilder, ObjectBuilder, Type};
use utoipa::openapi::{ContentBuilder, HeaderBuilder, Ref, RefOr};

use crate::problem::Kind;

/// Those of whatever request there is.
const ANYWHERE: &[Kind] = &[Kind::UNKNOWN_HOST, Kind::INTERNAL];

/// Those of whatever is below `/v1/{ns}`, where every query parameter that is not known is refused.
pub(crate) const IN_NAMESPACE: &[Kind] = &[Kind::MALFORMED, Kind::UNKNOWN_ROUTE, Kind::UNKNOWN_NAMESPACE];

/// Those of a request with a body.
pub(crate) const WITH_BODY: &[Kind] =
    &[Kind::MALFORMED, Kind::REQUEST_TIMEOUT, Kind::TOO_LARGE, Kind::UNSUPPORTED_MEDIA_TYPE];

/// Those of a request for which the store, and the policy in it, must be there.
pub(crate) const OF_STORE: &[Kind] = &[
    Kind::NO_POLICY,
    Kind::POLICY_UNREADABLE,
    Kind::POLICY_UNSETTLED,
    Kind::SHUTTING_DOWN,
    Kind::STORE_UNREACHABLE,
    Kind::STORE_TIMEOUT,
    Kind::STORE_UNAUTHORIZED,
    Kind::STORE_FORBIDDEN,
    Kind::STORE_TOO_OLD,
    Kind::STORE_NOT_WRITABLE,
    Kind::STORE_SCHEMA,
    Kind::STORE_AUDIT,
    Kind::STORE_FAILED,
];

/// Makes a type of the kinds of problems that an operation may answer, which `utoipa::path` takes among its
/// `responses`. Those of [`ANYWHERE`] are among them always.
macro_rules! problems {
    ($name:ident: $($kinds:expr),* $(,)?) => {
        struct $name;

        impl utoipa::IntoResponses for $name {
            fn responses() -> std::collections::BTreeMap<
                String,
                utoipa::openapi::RefOr<utoipa::openapi::response::Response>,
            > {
                let kinds: [&[$crate::problem::Kind]; _] = [$($kinds),*];
                $crate::description::responses_of(&kinds.concat())
            }
        }
    };
}
pub(crate) use problems;

/// A response for each status, which says which kinds it may be of.
pub(crate) fn responses_of(kinds: &[Kind]) -> BTreeMap<String, RefOr<Response>> {
    let mut by_status: BTreeMap<u16, Vec<Kind>> = BTreeMap::new();
    for &kind in ANYWHERE.iter().chain(kinds) {
        let same = by_status.entry(kind.status().as_u16()).or_default();
        if !same.contains(&kind) {
            same.push(kind);
        }
    }
    let responses = by_status.into_iter();
    responses.map(|(status, kinds)| (status.to_string(), RefOr::T(response(status, &kinds)))).collect()
}

/// What every operation that needs a key may answer because of it.
pub(crate) fn responses_of_access() -> BTreeMap<String, RefOr<Response>> {
    let kinds = [Kind::UNAUTHORIZED, Kind::FORBIDDEN, Kind::TOO_MANY_BAD_KEYS];
    let responses = kinds.map(|kind| {
        let status = kind.status().as_u16();
        (status.to_string(), RefOr::T(response(status, &[kind])))
    });
    responses.into()
}

fn response(status: u16, kinds: &[Kind]) -> Response {
    let told = kinds.iter().map(|kind| format!("`{}`: {}.", kind.name(), kind.title()));
    let types: Vec<String> = kinds.iter().map(|kind| kind.urn()).collect();
    let narrowed = ObjectBuilder::new()
        .property("type", ObjectBuilder::new().schema_type(Type::String).enum_values(Some(types)))
        .property("status", ObjectBuilder::new().schema_type(Type::Integer).enum_values(Some([status])));
    let problem = AllOfBuilder::new().item(Ref::from_schema_name("Problem")).item(narrowed);
    let content = ContentBuilder::new().schema(Some(problem)).build();
    let response = ResponseBuilder::new()
        .description(told.collect::<Vec<_>>().join("\n\n"))
        .content("application/problem+json", content);
    if kinds == [Kind::UNAUTHORIZED] {
        let challenge = ObjectBuilder::new().schema_type(Type::String).build();
        let header = HeaderBuilder::new().schema(Some(challenge)).description(Some("How to say who one is."));
        return response.header("WWW-Authenticate", header.build()).build();
    }
    if kinds.iter().all(|kind| kind.passes()) {
        let seconds = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(1));
        let header =
            HeaderBuilder::new().schema(Some(seconds)).description(Some("Seconds after which to ask again."));
        response.header("Retry-After", header.build()).build()
    } else {
        response.build()
    }
}
