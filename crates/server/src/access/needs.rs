//! What a request needs: read off the description of the API, so that what is said and what is asked for are the same.

use std::collections::HashMap;

use axum::extract::{MatchedPath, Request};
use axum::http::Method;
use serde_json::Value;
use tollgate::Role;

/// The name of the security scheme, as handlers say it: `security(("key" = ["viewer"]))`.
pub(crate) const KEY: &str = "key";

/// All below it needs a key, be there anything or not.
const BELOW: &str = "/v1";

/// What a request needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Need {
    /// No key.
    Nothing,
    /// A key of any role: there is nothing, or not by this method.
    AnyKey,
    /// A key of a role that is good for this one.
    Role(Role),
}

/// The roles that the operations need, by path and method.
#[derive(Debug)]
pub(super) struct Needs(HashMap<String, HashMap<Method, Role>>);

impl Needs {
    /// Reads them. An operation below `/v1` that says none needs an admin: a test has every one of them say what it
    /// needs.
    pub(super) fn of(document: &Value) -> Self {
        let paths = document["paths"].as_object().into_iter().flatten();
        let roles = paths.map(|(path, item)| {
            let operations = item.as_object().into_iter().flatten();
            let roles = operations.filter_map(|(method, operation)| {
                let method = Method::from_bytes(method.to_ascii_uppercase().as_bytes()).ok()?;
                let role = role_of(operation).or_else(|| is_below(path).then_some(Role::Admin))?;
                Some((method, role))
            });
            (path.clone(), roles.collect())
        });
        Self(roles.collect())
    }

    /// What this request needs, by the route that it has found.
    pub(super) fn of_request(&self, request: &Request) -> Need {
        let matched = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
        let Some((path, roles)) = matched.and_then(|path| self.0.get_key_value(path)) else {
            return if is_below(request.uri().path()) { Need::AnyKey } else { Need::Nothing };
        };
        // Whatever is read is also answered without its body.
        let method = if request.method() == Method::HEAD { &Method::GET } else { request.method() };
        match roles.get(method) {
            Some(&role) => Need::Role(role),
            None if is_below(path) || !roles.is_empty() => Need::AnyKey,
            None => Need::Nothing,
        }
    }
}

fn is_below(path: &str) -> bool {
    path.strip_prefix(BELOW).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The role that an operation says it needs.
fn role_of(operation: &Value) -> Option<Role> {
    operation["security"][0][KEY][0].as_str()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_says_no_role_is_for_admins_and_what_is_not_there_for_all_who_have_a_key() {
        let document = json!({"paths": {
            "/v1/{ns}/a": {"get": {"security": [{"key": ["viewer"]}]}, "put": {}, "post": {"security": [{"key": ["x"]}]}},
            "/v1x": {"get": {}},
            "/metrics": {"get": {"security": [{"key": ["viewer"]}]}},
        }});
        let needs = Needs::of(&document);
        assert_eq!(needs.0["/v1/{ns}/a"][&Method::GET], Role::Viewer);
        assert_eq!(needs.0["/v1/{ns}/a"][&Method::PUT], Role::Admin);
        assert_eq!(needs.0["/v1/{ns}/a"][&Method::POST], Role::Admin);
        assert_eq!(needs.0["/metrics"][&Method::GET], Role::Viewer);
        assert!(needs.0["/v1x"].is_empty());
        for (path, need) in [
            ("/v1", Need::AnyKey),
            ("/v1/", Need::AnyKey),
            ("/v1/x/y", Need::AnyKey),
            ("/v1x", Need::Nothing),
            ("/", Need::Nothing),
        ] {
            let request = Request::builder().uri(path).body(axum::body::Body::empty()).expect(path);
            assert_eq!(needs.of_request(&request), need, "{path}");
        }
    }
}
