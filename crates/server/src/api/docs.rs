//! `GET /openapi.json`: the description of the API; `GET /docs`: the same to read and to try, in a browser.
//!
//! The page is Swagger UI, and comes whole from here: it asks no other host for anything, and its policy would not let
//! it.

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderName, header};
use axum::response::{IntoResponse, Response};

use crate::app::App;
use crate::description::problems;
use crate::problem::{Kind, Problem};

const PAGE: &str = include_str!("docs/page.html");
const START: &[u8] = include_bytes!("docs/start.js");

/// Cut out by `build.rs`, compressed. There is no browser that would not take it so.
const SCRIPT: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/swagger-ui-bundle.js.gz"));
const STYLE: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/swagger-ui.css.gz"));

/// Scripts, styles and requests only from and to this service; images also from the style, where they stand as data. No
/// page of somebody else's may show this one in a frame, and have its visitor click on what he does not see.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
    img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Another version of this service has other parts under the same names.
const ASK_AGAIN: (HeaderName, &str) = (header::CACHE_CONTROL, "no-cache");
const NO_GUESSING: (HeaderName, &str) = (header::X_CONTENT_TYPE_OPTIONS, "nosniff");

problems!(NotShown:);
problems!(NoPart: &[Kind::UNKNOWN_ROUTE]);

/// This description, as OpenAPI 3.1.
#[utoipa::path(
    get,
    path = "/openapi.json",
    operation_id = "openapi",
    tag = "description",
    responses((status = 200, description = "The document.", body = Object, content_type = "application/json"), NotShown)
)]
pub(crate) async fn openapi(State(app): State<App>) -> Response {
    let document: Bytes = app.description;
    ([(header::CONTENT_TYPE, "application/json"), ASK_AGAIN], document).into_response()
}

/// The same as a page, to read and to try.
#[utoipa::path(
    get,
    path = "/docs",
    operation_id = "docs",
    tag = "description",
    responses((status = 200, description = "The page.", body = String, content_type = "text/html"), NotShown)
)]
pub(crate) async fn page() -> Response {
    let policy = (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY);
    let fields = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::REFERRER_POLICY, "no-referrer"),
        policy,
        ASK_AGAIN,
        NO_GUESSING,
    ];
    (fields, PAGE).into_response()
}

/// What the page is made of.
#[utoipa::path(
    get,
    path = "/docs/{part}",
    operation_id = "docsPart",
    tag = "description",
    params(("part" = String, Path, pattern = r"^(start\.js|swagger-ui-bundle\.js|swagger-ui\.css)$", example = "start.js")),
    responses(
        (
            status = 200,
            description = "A part of it; Swagger UI's compressed, whatever `Accept-Encoding` says.",
            content((String = "text/javascript"), (String = "text/css"))
        ),
        NoPart
    )
)]
pub(crate) async fn part(Path(part): Path<String>) -> Result<Response, Problem> {
    let (kind, bytes) = match part.as_str() {
        "start.js" => ("text/javascript; charset=utf-8", START),
        "swagger-ui-bundle.js" => ("text/javascript; charset=utf-8", SCRIPT),
        "swagger-ui.css" => ("text/css; charset=utf-8", STYLE),
        _ => return Err(Problem::new(Kind::UNKNOWN_ROUTE, "there is no such part of the page")),
    };
    let fields = [(header::CONTENT_TYPE, kind), ASK_AGAIN, NO_GUESSING];
    let coding = (part != "start.js").then_some([(header::CONTENT_ENCODING, "gzip")]);
    Ok((fields, coding, bytes).into_response())
}
