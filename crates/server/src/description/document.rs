//! The document: its frame, and what is so of all operations in it.

use std::collections::BTreeMap;

use axum::body::Bytes;
use serde_json::Value;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::info::{InfoBuilder, LicenseBuilder};
use utoipa::openapi::path::{Operation, ParameterBuilder, ParameterIn, PathItem};
use utoipa::openapi::response::Response;
use utoipa::openapi::schema::{ComponentsBuilder, ObjectBuilder, Type};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::server::ServerBuilder;
use utoipa::openapi::tag::TagBuilder;
use utoipa::openapi::{OpenApi, OpenApiBuilder, RefOr, Required};
use utoipa::{PartialSchema, ToSchema};

use super::polish::polish;
use super::problems::responses_of_access;
use crate::access::KEY;
use crate::problem::Written;

const ABOUT: &str = "Limits what a fleet sends to other people's APIs.\n\n\
A service serves one namespace; requests for another are answered 404. From its first API key on every request below `/v1` needs one, as \
`Authorization: Bearer KEY`: an operation says of which role, in `security`. `acquire` is for permits and `observe`, `viewer` for what is read, \
`operator` for that and for overrides and pauses, `admin` for everything. Without a key that is good for anything the answer is 401, whatever was asked for; with one of \
another role 403. As long as there is no key, a service listens on the loopback, and there only to requests whose `Host` is localhost or a loopback \
address (else 421), unless it is told that the network keeps strangers out.\n\n\
Errors are `application/problem+json` (RFC 9457): `type` says what is wrong, `field` where, `detail` what would be right. Below \
`/v1` a query parameter that is not described is refused (400), and so is an unknown field of a body. A method that a path does \
not have is answered 405, with `Allow`. Answers are JSON whatever `Accept` says, unless it is said otherwise. Requests that are \
no HTTP, or too long to be read, are answered 400, 414 or 431 without a body.";

const TAGS: [(&str, &str); 10] = [
    ("permits", "Ask before a call is sent, and tell afterwards what became of it."),
    ("policy", "The limits."),
    ("buckets", "How full they are."),
    ("diagnosis", "Why calls are slow or refused."),
    ("usage", "Who has used what."),
    ("replicas", "Who takes part."),
    ("audit", "What happened."),
    ("keys", "Who may do what."),
    ("health", "For load balancers."),
    ("description", "This document."),
];

/// The header fields of whatever tells or changes the policy: which version it is in force with, or was.
const FIELDS_OF_POLICY: [(&str, Type, &str); 4] = [
    ("Tollgate-Policy-Version", Type::Integer, "The number of the policy's version, from 1 on."),
    ("ETag", Type::String, "Tells this version of the policy from every other."),
    ("Tollgate-Author", Type::String, "Who wrote it."),
    ("Tollgate-Reason", Type::String, "What for; of changes that say nothing what was changed."),
];

/// The document without its operations.
pub(crate) fn frame() -> OpenApi {
    let info = InfoBuilder::new()
        .title("Tollgate")
        .description(Some(ABOUT))
        .version(env!("CARGO_PKG_VERSION"))
        .license(Some(LicenseBuilder::new().name(env!("CARGO_PKG_LICENSE")).build()));
    // Relative: the server is whichever this document was read from, under the name by which it was asked.
    let here = ServerBuilder::new().url("/").description(Some("The replica that this document is from."));
    let tags = TAGS.map(|(name, about)| TagBuilder::new().name(name).description(Some(about)).build());
    let mut problem = vec![(Written::name().into_owned(), Written::schema())];
    Written::schemas(&mut problem);
    let key = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some(
        "An API key of the namespace. Asked for from the first one on. What stands with an operation is the role that is needed.",
    ));
    OpenApiBuilder::new()
        .info(info)
        .servers(Some([here.build()]))
        .tags(Some(tags))
        .components(Some(
            ComponentsBuilder::new()
                .schemas_from_iter(problem)
                .security_scheme(KEY, SecurityScheme::Http(key.build()))
                .build(),
        ))
        .build()
}

/// Adds the namespace that is served to all operations that are below it, and to those that need a key what else they
/// answer.
pub(crate) fn complete(mut document: OpenApi, namespace: &str) -> Value {
    let ns = ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some([namespace]))
        .description(Some("A name of `a-z`, `0-9`, `.`, `_` and `-`."));
    let ns = ParameterBuilder::new()
        .name("ns")
        .parameter_in(ParameterIn::Path)
        .required(Required::True)
        .description(Some("The namespace that this service serves."))
        .schema(Some(ns))
        .example(Some(namespace.into()))
        .build();
    for (_, item) in document.paths.paths.iter_mut().filter(|(path, _)| path.contains("{ns}")) {
        for operation in operations(item) {
            operation.parameters.get_or_insert_default().insert(0, ns.clone().into());
        }
    }
    for operation in document.paths.paths.values_mut().flat_map(operations) {
        operation.responses.responses.values_mut().for_each(with_fields_of_policy);
        if operation.security.is_some() {
            add(&mut operation.responses.responses, responses_of_access());
        }
    }
    // Texts and numbers can't fail to be written.
    let mut document = serde_json::to_value(&document).unwrap_or_default();
    polish(&mut document);
    document
}

/// Adds responses. Where there is one of that status, it may be the other as well.
fn add(responses: &mut BTreeMap<String, RefOr<Response>>, more: BTreeMap<String, RefOr<Response>>) {
    for (status, response) in more {
        match (responses.get_mut(&status), response) {
            (Some(RefOr::T(known)), RefOr::T(response)) => {
                known.description = format!("{}\n\n{}", known.description, response.description);
                known.content.extend(response.content);
            }
            (_, response) => drop(responses.insert(status, response)),
        }
    }
}

/// Describes the header fields that tell which policy an answer is about. A handler says only that there is the first
/// of them.
fn with_fields_of_policy(response: &mut RefOr<Response>) {
    let RefOr::T(response) = response else { return };
    if !response.headers.contains_key(FIELDS_OF_POLICY[0].0) {
        return;
    }
    for (name, schema_type, description) in FIELDS_OF_POLICY {
        let schema = ObjectBuilder::new().schema_type(schema_type).build();
        let header = HeaderBuilder::new().schema(Some(schema)).description(Some(description)).build();
        response.headers.insert(name.to_owned(), header.into());
    }
}

/// The whole document as text.
pub(crate) fn written(document: &Value) -> Bytes {
    serde_json::to_vec(document).unwrap_or_default().into()
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    let PathItem { get, put, post, delete, options, head, patch, trace, .. } = item;
    [get, put, post, delete, options, head, patch, trace].into_iter().filter_map(Option::as_mut)
}
