//! Routes are written with their description, and only so: there is no other place where a handler gets a path.

use super::tree::{assert_tidy, files, line_of, read};

const ROUTES: &str = "crates/server/src/routes.rs";

/// What gives a path to a handler without a word of what it does.
const UNDESCRIBED: [&str; 6] =
    [".route(", ".route_service(", ".nest_service(", ".fallback_service(", "routing::", "MethodRouter"];

fn undescribed(path: &str, source: &str) -> Vec<String> {
    let found = UNDESCRIBED.iter().filter(|way| source.contains(*way));
    let complaint = |way: &&str| {
        let line = line_of(source, way);
        format!(
            "{path}:{line}: `{way}` serves what nobody describes; write `.routes(routes!(handler))` in {ROUTES}"
        )
    };
    found.map(complaint).collect()
}

#[test]
fn every_route_is_written_with_its_description() {
    let described = read(ROUTES).matches(".routes(routes!(").count();
    assert!(described > 10, "the routes are no longer where this test reads them");
    let sources = files("crates/server/src", &[".rs"]).into_iter();
    assert_tidy(sources.flat_map(|file| undescribed(&file.path, &file.text)).collect::<Vec<_>>());
}

#[test]
fn these_rules_have_teeth() {
    assert!(undescribed("x.rs", "router\n    .routes(routes!(policy::get, policy::put))").is_empty());
    for source in
        ["router.route(\"/x\", get(x))", "use axum::routing::get;", "router.nest_service(\"/x\", x)"]
    {
        assert_eq!(undescribed("x.rs", source).len(), 1, "{source}");
    }
}
