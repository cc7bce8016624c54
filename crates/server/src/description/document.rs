//! The document: its frame, and what is so of all operations in it.

use axum::body::Bytes;
use utoipa::openapi::info::{InfoBuilder, LicenseBuilder};
use utoipa::openapi::path::{Operation, ParameterBuilder, ParameterIn, PathItem};
use utoipa::openapi::schema::{ComponentsBuilder, ObjectBuilder, Type};
use utoipa::openapi::server::ServerBuilder;
use utoipa::openapi::tag::TagBuilder;
use utoipa::openapi::{OpenApi, OpenApiBuilder, Required};
use utoipa::{PartialSchema, ToSchema};

use super::polish::polish;
use crate::problem::Written;

const ABOUT: &str = "Limits what a fleet sends to other people's APIs.\n\n\
A service serves one namespace; requests for another are answered 404. There are no API keys yet: a service \
listens on the loopback, and there only to requests whose `Host` is localhost or a loopback address (else 421), unless it is \
told that the network keeps strangers out.\n\n\
Errors are `application/problem+json` (RFC 9457): `type` says what is wrong, `field` where, `detail` what would be right. Below \
`/v1` a query parameter that is not described is refused (400), and so is an unknown field of a body. A method that a path does \
not have is answered 405, with `Allow`. Answers are JSON whatever `Accept` says, unless it is said otherwise. Requests that are \
no HTTP, or too long to be read, are answered 400, 414 or 431 without a body.";

const TAGS: [(&str, &str); 7] = [
    ("permits", "Ask before a call is sent, and tell afterwards what became of it."),
    ("policy", "The limits."),
    ("buckets", "How full they are."),
    ("usage", "Who has used what."),
    ("audit", "What happened."),
    ("health", "For load balancers."),
    ("description", "This document."),
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
    OpenApiBuilder::new()
        .info(info)
        .servers(Some([here.build()]))
        .tags(Some(tags))
        .components(Some(ComponentsBuilder::new().schemas_from_iter(problem).build()))
        .build()
}

/// Adds the namespace that is served to all operations that are below it, and writes all of it.
pub(crate) fn complete(mut document: OpenApi, namespace: &str) -> Bytes {
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
    // Texts and numbers can't fail to be written.
    let mut document = serde_json::to_value(&document).unwrap_or_default();
    polish(&mut document);
    serde_json::to_vec(&document).unwrap_or_default().into()
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    let PathItem { get, put, post, delete, options, head, patch, trace, .. } = item;
    [get, put, post, delete, options, head, patch, trace].into_iter().filter_map(Option::as_mut)
}
