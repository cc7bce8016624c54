//! The routes of the service, `docs/openapi.json` and the README's table are the same.

use std::collections::BTreeSet;

use serde_json::Value;

use super::tree::{assert_tidy, line_of, read};

const ROUTES: &str = "crates/server/src/routes.rs";
const OPENAPI: &str = "docs/openapi.json";
const METHODS: [&str; 5] = ["get", "put", "post", "patch", "delete"];

/// `METHOD /path` of every route in the source of the router.
fn routed(source: &str) -> BTreeSet<String> {
    let mut routes = BTreeSet::new();
    // One router is nested into the other: what stands before the second `Router::new()` is below its prefix.
    let prefix = source.split(".nest(\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap_or_default();
    for (index, router) in source.split("Router::new()").skip(1).enumerate() {
        for route in router.split(".route(\"").skip(1) {
            let (path, handlers) = route.split_once('"').unwrap_or_default();
            let handlers = handlers.lines().next().unwrap_or_default();
            let below = if index == 0 { prefix } else { "" };
            for method in METHODS.iter().filter(|method| calls(handlers, method)) {
                routes.insert(format!("{} {below}{path}", method.to_uppercase()));
            }
        }
    }
    routes
}

/// Whether `handlers` has the call `method(`, as a word of its own.
fn calls(handlers: &str, method: &str) -> bool {
    let call = format!("{method}(");
    handlers
        .match_indices(&call)
        .any(|(at, _)| !handlers[..at].ends_with(|before: char| before.is_alphanumeric()))
}

fn described(openapi: &Value) -> BTreeSet<String> {
    let paths = openapi["paths"].as_object().expect("it has paths");
    let of_path = |(path, item): (&String, &Value)| {
        let item = item.as_object().expect("a path has operations");
        let methods = item.keys().filter(|key| METHODS.contains(&key.as_str()));
        methods.map(|method| format!("{} {path}", method.to_uppercase())).collect::<Vec<_>>()
    };
    paths.iter().flat_map(of_path).collect()
}

fn in_table(readme: &str) -> BTreeSet<String> {
    let row = |line: &str| Some(line.strip_prefix("| `")?.split('`').next()?.to_owned());
    let is_route = |name: &String| name.contains(" /");
    readme.lines().filter_map(row).filter(is_route).collect()
}

fn differences(routes: &BTreeSet<String>, listed: &BTreeSet<String>, place: &str) -> Vec<String> {
    let missing = routes
        .difference(listed)
        .map(|route| format!("{place}: does not have the route `{route}`; describe it"));
    let stale = listed
        .difference(routes)
        .map(|route| format!("{place}: has `{route}`, which {ROUTES} has not; take it out"));
    missing.chain(stale).collect()
}

/// Every `$ref` that leads nowhere.
fn dangling(value: &Value, document: &Value) -> Vec<String> {
    match value {
        Value::Object(fields) => {
            let own = fields.get("$ref").and_then(Value::as_str);
            let own = own.filter(|target| document.pointer(target.trim_start_matches('#')).is_none());
            let own = own.map(|target| format!("{OPENAPI}:1: there is no {target}; define it"));
            own.into_iter().chain(fields.values().flat_map(|field| dangling(field, document))).collect()
        }
        Value::Array(values) => values.iter().flat_map(|value| dangling(value, document)).collect(),
        _ => Vec::new(),
    }
}

#[test]
fn every_route_is_described_and_nothing_else() {
    let routes = routed(&read(ROUTES));
    assert!(routes.len() > 5, "the routes are no longer where this test reads them: {routes:?}");
    let openapi: Value = serde_json::from_str(&read(OPENAPI)).expect("it is JSON");
    assert_tidy(differences(&routes, &described(&openapi), &format!("{OPENAPI}:1")));
    let readme = read("README.md");
    let place = format!("README.md:{}", line_of(&readme, "\n## HTTP API") + 1);
    assert_tidy(differences(&routes, &in_table(&readme), &place));
}

#[test]
fn every_reference_in_the_description_leads_somewhere() {
    let openapi: Value = serde_json::from_str(&read(OPENAPI)).expect("it is JSON");
    assert_tidy(dangling(&openapi, &openapi));
}

#[test]
fn these_rules_have_teeth() {
    let source = "let n = Router::new()\n.route(\"/a\", post(x::get_it))\n.route(\"/b/{id}\", get(p::get).put(p::put));\n\
                  Router::new()\n.route(\"/h\", get(h))\n.nest(\"/v1/{ns}\", n)";
    let routes = routed(source);
    let expected = ["GET /h", "GET /v1/{ns}/b/{id}", "POST /v1/{ns}/a", "PUT /v1/{ns}/b/{id}"];
    assert_eq!(routes, expected.map(str::to_owned).into());
    let openapi = serde_json::json!({"paths": {"/h": {"get": {"x": {"$ref": "#/gone"}}, "summary": ""}, "/i": {"put": {}}}});
    assert_eq!(differences(&routes, &described(&openapi), "x").len(), 4);
    assert_eq!(dangling(&openapi, &openapi).len(), 1);
}
