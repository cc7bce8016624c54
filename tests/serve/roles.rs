//! Every role against every operation: who may do what, and what the others are told.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use reqwest::Method;
use serde_json::json;
use tollgate_testkit::Replica;

use super::client::{Api, TEN_EACH};
use super::description::Operation;

/// Who may carry out which operation: the whole table, written down once more and not taken from the description. Of
/// the rest nobody is asked for anything.
const TABLE: [(&str, &[&str]); 28] = [
    ("acquire", &["acquire", "admin"]),
    ("observe", &["acquire", "admin"]),
    ("settle", &["acquire", "admin"]),
    ("heartbeat", &["acquire", "admin"]),
    ("giveBack", &["acquire", "admin"]),
    ("getPolicy", &["viewer", "operator", "admin"]),
    ("putPolicy", &["admin"]),
    ("policyVersions", &["viewer", "operator", "admin"]),
    ("policyVersion", &["viewer", "operator", "admin"]),
    ("rollBack", &["admin"]),
    ("limits", &["viewer", "operator", "admin"]),
    ("getOverride", &["viewer", "operator", "admin"]),
    ("putOverride", &["operator", "admin"]),
    ("deleteOverride", &["operator", "admin"]),
    ("buckets", &["viewer", "operator", "admin"]),
    ("waiters", &["viewer", "operator", "admin"]),
    ("pauses", &["viewer", "operator", "admin"]),
    ("pause", &["operator", "admin"]),
    ("resume", &["operator", "admin"]),
    ("replicas", &["viewer", "operator", "admin"]),
    ("diagnosis", &["viewer", "operator", "admin"]),
    ("usage", &["viewer", "operator", "admin"]),
    ("metrics", &["viewer", "operator", "admin"]),
    ("audit", &["viewer", "operator", "admin"]),
    ("followAudit", &["viewer", "operator", "admin"]),
    ("keys", &["viewer", "operator", "admin"]),
    ("makeKey", &["admin"]),
    ("revokeKey", &["admin"]),
];

const ROLES: [&str; 4] = ["acquire", "viewer", "operator", "admin"];

/// A key that has never been one.
pub(crate) const STRANGE: &str =
    "tg_0123456789abcdef_00000000000000000000000000000000000000000000000000000000000000ff";

/// How an operation can be asked for, so that it is clear who may: the request itself is mostly not right.
fn path_of(operation: &Operation) -> String {
    let names =
        [("{ns}", "shop"), ("{id}", "x"), ("{part}", "start.js"), ("{limit}", "org"), ("{key}", "acme")];
    let path = names.iter().fold(operation.path.clone(), |path, (name, value)| path.replace(name, value));
    path.replace("{version}", "1")
}

/// Asks every operation without a key, with a strange one, with a revoked one, and with one of each role.
#[tokio::test]
async fn every_role_may_do_what_its_row_says_and_nothing_else() -> Result<()> {
    let replica = Replica::builder().policy(TEN_EACH).argument("--max-bad-logins").argument("1000000");
    let api = Api::start(replica).await?.keyed("shop").await?;
    let mut keys = BTreeMap::new();
    for role in ROLES {
        keys.insert(role, api.make_key(role, role).await?.1);
    }
    let (id, revoked) = api.make_key("admin", "revoked").await?;
    api.shown(Method::DELETE, &format!("/v1/shop/keys/{id}"), keys.get("admin").map(String::as_str))
        .await?
        .expect(204);

    let table = BTreeMap::from(TABLE);
    let (mut asked, mut met) = (0, 0);
    for operation in Operation::all(&api).await? {
        let id = operation.said["operationId"].as_str().context("an id")?;
        let path = path_of(&operation);
        let row = table.get(id).copied();
        assert_eq!(
            row.is_some(),
            operation.path.starts_with("/v1/") || operation.path == "/metrics",
            "{id} is not in the table, or needs not be"
        );
        met += usize::from(row.is_some());
        let callers = [None, Some(STRANGE), Some(revoked.as_str())].into_iter().map(|key| ("", key));
        let callers = callers.chain(keys.iter().map(|(&role, key)| (role, Some(key.as_str()))));
        for (role, key) in callers {
            // Only the head of the answer: an audit trail that is followed never ends.
            let request = api.bare(operation.method.clone(), &path);
            let request = key.into_iter().fold(request, reqwest::RequestBuilder::bearer_auth);
            let response = request.json(&json!({})).send().await?;
            let status = response.status().as_u16();
            let what = format!("{} {path} by {role:?}, shown {}: {status}", operation.method, key.is_some());
            match row {
                None => assert!(![401, 403].contains(&status), "{what}"),
                Some(_) if role.is_empty() => assert_eq!(status, 401, "{what}"),
                Some(row) if row.contains(&role) => assert!(![401, 403].contains(&status), "{what}"),
                Some(_) => assert_eq!(status, 403, "{what}"),
            }
            asked += 1;
        }
        let said = &operation.said["security"];
        let Some(row) = row else {
            assert!(said.is_null(), "{id}: {said}");
            continue;
        };
        let needed =
            said[0]["key"][0].as_str().with_context(|| format!("{id} says what it needs: {said}"))?;
        assert!(row.contains(&needed) && said[0]["key"][1].is_null() && said[1].is_null(), "{id}: {said}");
        for status in ["401", "403", "429"] {
            assert!(operation.said["responses"][status].is_object(), "{id} does not say {status}");
        }
    }
    assert_eq!((met, asked), (table.len(), 7 * (table.len() + 5)), "the table has what is described");
    Ok(())
}

/// With a key that is for something else it is told what would be needed, and not whether there is anything.
#[tokio::test]
async fn what_is_forbidden_is_told_the_same_whether_it_is_there_or_not() -> Result<()> {
    let api = Api::embedded(TEN_EACH).await?.keyed("shop").await?;
    let (id, viewer) = api.make_key("viewer", "dashboard").await?;
    let (_, acquire) = api.make_key("acquire", "worker").await?;
    for (key, method, there, not_there, needed) in [
        (
            &viewer,
            Method::DELETE,
            format!("/v1/shop/keys/{id}"),
            "/v1/shop/keys/0000000000000000",
            "the role admin",
        ),
        (&viewer, Method::PUT, "/v1/shop/policy".to_owned(), "/v1/other/policy", "the role admin"),
        (
            &viewer,
            Method::DELETE,
            "/v1/shop/permits/x".to_owned(),
            "/v1/other/permits/y",
            "the role acquire or admin",
        ),
        (
            &viewer,
            Method::DELETE,
            "/v1/shop/limits/org/overrides/acme".to_owned(),
            "/v1/shop/limits/none/overrides/x?y",
            "the role operator or admin",
        ),
        (
            &acquire,
            Method::GET,
            "/v1/shop/policy/versions/1".to_owned(),
            "/v1/shop/policy/versions/9",
            "the role viewer, operator or admin",
        ),
    ] {
        let there = api.shown(method.clone(), &there, Some(key)).await?;
        let not_there = api.shown(method, not_there, Some(key)).await?;
        let problem = there.expect_problem(403, "forbidden", "");
        assert!(problem["detail"].as_str().is_some_and(|detail| detail.contains(needed)), "{problem}");
        assert_eq!(there.text, not_there.text);
    }
    // Who has a key of the namespace may know that there is nothing.
    api.shown(Method::GET, "/v1/shop/nothing", Some(&acquire)).await?.expect_problem(
        404,
        "unknown-route",
        "",
    );
    api.shown(Method::GET, "/v1/other/policy", Some(&viewer)).await?.expect_problem(
        404,
        "unknown-namespace",
        "",
    );
    api.shown(Method::PATCH, "/v1/shop/policy", Some(&acquire)).await?.expect_problem(
        405,
        "method-not-allowed",
        "",
    );
    Ok(())
}
