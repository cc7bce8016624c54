//! A version of the policy as an answer, and what is answered where it is not the one that was expected.

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use tollgate::{Error, PolicyVersion};

use super::change;
use crate::entity_tag::{self, Condition};
use crate::problem::{Kind, Problem};

/// The number of the version.
const VERSION: HeaderName = HeaderName::from_static("tollgate-policy-version");

/// The document, with its version in the header.
pub(super) fn whole(version: PolicyVersion) -> Response {
    let content_type = [(header::CONTENT_TYPE, "application/json")];
    (fields_of(&version), content_type, version.document).into_response()
}

/// Which version it is, who wrote it and what for.
pub(super) fn fields_of(version: &PolicyVersion) -> HeaderMap {
    let tag = entity_tag::header_of(&version.tag).map(|tag| (header::ETAG, tag));
    let number = [(VERSION, HeaderValue::from(version.version))];
    tag.into_iter().chain(number).chain(change::fields_of(&version.author, &version.reason)).collect()
}

/// The same after a change that may have come too late.
pub(super) fn after<T>(written: Result<T, Error>) -> Result<T, Problem> {
    written.map_err(|error| match error {
        Error::Conflict { current } => changed(&current),
        error @ Error::NoSuchVersion { .. } => Problem::from(error).field("version"),
        error => error.into(),
    })
}

/// Whether the policy is the one that a change is to follow, if it says which.
pub(super) fn check(condition: Option<&Condition>, current: &PolicyVersion) -> Result<(), Problem> {
    if condition.is_some_and(|condition| !condition.is_met_by(&current.tag)) {
        return Err(changed(&current.tag));
    }
    Ok(())
}

/// The same of a change that must say it: it would undo what others have changed meanwhile.
pub(super) fn check_named(condition: Option<&Condition>, current: &PolicyVersion) -> Result<(), Problem> {
    if condition.is_none() {
        let detail = "name the version that this one follows, with the ETag of the policy you have read, such as If-Match: ";
        let problem = Problem::new(Kind::PRECONDITION_REQUIRED, format!("{detail}\"{}\"", current.tag));
        return Err(problem.field(header::IF_MATCH.as_str()));
    }
    check(condition, current)
}

fn changed(tag: &str) -> Problem {
    let detail = format!("the policy is at \"{tag}\" now; read it again and make the change on it");
    Problem::new(Kind::CHANGED, detail).field(header::IF_MATCH.as_str())
}
