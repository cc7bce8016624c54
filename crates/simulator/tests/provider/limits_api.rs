//! The limits API tells what the caller's org has, and what everybody has.

use serde_json::{Value, json};
use tollgate_simulator::{Arrival, Provider, Time};

use super::settings::{STACKED, provider};

fn ask(provider: &mut Provider, seconds: u64, org: &str, path: &str) -> (u16, Value) {
    let call =
        Arrival::get(&format!("/api/v2/organizations/limits/{path}")).org(org).client("app").token(path);
    let answer = provider.arrive(Time::from_secs(seconds), &call).answer.expect("an answer");
    (answer.status, serde_json::from_str(&answer.body).expect("JSON"))
}

#[test]
fn effective_values_are_those_of_the_callers_org() {
    let mut provider = provider(&format!(
        "{STACKED}\n[[change]]\nat = '10m'\nlimit = 'directory/user.rate.per.minute'\nvalue = 2"
    ));
    let mut value =
        |seconds, org, path| ask(&mut provider, seconds, org, path).1["entities"][0]["value"].clone();
    assert_eq!(value(0, "small", "namespaces/directory"), json!(3));
    assert_eq!(value(0, "big", "namespaces/directory"), json!(4));
    assert_eq!(value(0, "big", "namespaces/directory/defaults"), json!(3));
    assert_eq!(value(600, "small", "namespaces/directory"), json!(2), "after the change");
    assert_eq!(
        value(600, "big", "namespaces/directory"),
        json!(4),
        "which is not for those with values of their own"
    );
}

#[test]
fn namespaces_and_the_catalogue_list_what_is_not_hidden() {
    let hidden = "[[limit]]\nname = 'gateway/all.rate'\nper = []\nkind = 'leaky-bucket'\nvalue = 100\nwindow = '1s'\nlisted = false";
    let mut provider = provider(&format!("{STACKED}\n{hidden}"));
    let (status, namespaces) = ask(&mut provider, 0, "acme", "namespaces");
    assert_eq!((status, namespaces), (200, json!({"entities": ["directory", "platform.api"]})));
    let (_, docs) = ask(&mut provider, 0, "acme", "docs");
    let limit = &docs["namespaces"][1]["limits"][0];
    assert_eq!((&limit["key"], &limit["defaultValue"]), (&json!("token.rate.per.minute"), &json!(5)));
    for field in ["description", "resource", "configurable", "trackable"] {
        assert!(!limit[field].is_null(), "{field}: {docs}");
    }
    assert_eq!(ask(&mut provider, 0, "acme", "namespaces/gateway").0, 404);
}

/// Questions are calls, and pass the limits on calls.
#[test]
fn whoever_asks_too_often_is_refused() {
    let mut provider = provider(STACKED);
    let statuses: Vec<u16> = (0..6).map(|_| ask(&mut provider, 0, "acme", "docs").0).collect();
    assert_eq!(statuses, [200, 200, 200, 200, 200, 429]);
}
