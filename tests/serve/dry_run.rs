//! Changes of the policy that are only tried out: what would change, told over HTTP and on the command line, and
//! nothing done.

use anyhow::Result;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use super::client::{Answer, Api, TEN_EACH, call_of};
use super::operate::done;

const POLICY: &str = "/v1/shop/policy";
const OVERRIDE: &str = "/v1/shop/limits/org/overrides/acme";

async fn ask(
    api: &Api,
    (method, path): (Method, &str),
    if_match: &str,
    body: Option<&Value>,
) -> Result<Answer> {
    let request = api.request(method, &format!("{path}?dry_run=true"));
    let request = if if_match.is_empty() { request } else { request.header("if-match", if_match) };
    Answer::of(body.into_iter().fold(request, RequestBuilder::json)).await
}

fn five_each() -> Value {
    json!({"namespace": "shop", "limit": [{"name": "org", "per": ["org"], "rate": "1/1h", "burst": 5, "weight": {"acme": 2}},
        {"name": "platform", "per": [], "concurrent": 3}]})
}

/// What would change is told: of limits, keys and buckets, with what can't be known. The policy stays as it is, and the
/// change then does what was told.
#[tokio::test]
async fn what_a_policy_would_change_is_told() -> Result<()> {
    let api = Api::embedded(TEN_EACH).await?;
    api.acquire(&call_of("acme", 7)).await?.expect(200);
    let tag = api.get(POLICY).await?.header("etag").to_owned();
    let told = ask(&api, (Method::PUT, POLICY), &tag, Some(&five_each())).await?.expect(200);
    assert_eq!((&told["version"], &told["follows"]), (&json!(2), &json!(tag.trim_matches('"'))), "{told}");
    let changes = &told["changes"];
    let burst =
        json!({"limit": "org", "change": "changed", "fields": [{"field": "burst", "now": 10, "then": 5}]});
    assert_eq!((&changes["limits"][0], &changes["limits"][1]["change"]), (&burst, &json!("added")), "{told}");
    assert_eq!(changes["weights"], json!([{"limit": "org", "key": "acme", "then": 2}]), "{told}");
    assert_eq!((&changes["overrides"], &changes["others"]), (&json!([]), &json!([])), "{told}");
    let bucket = &told["buckets"][0];
    assert_eq!(
        (&bucket["limit"], &bucket["key"], &bucket["waits"]),
        (&json!("org"), &json!("acme"), &json!(true))
    );
    assert_eq!((&bucket["now"]["remaining"], &bucket["now"]["burst"]), (&json!(3), &json!(10)), "{told}");
    assert_eq!((&bucket["then"]["remaining"], &bucket["then"]["burst"]), (&json!(0), &json!(5)), "{told}");
    assert!(bucket["wait_ms"].as_u64().is_some_and(|ms| ms > 2 * 3_600_000), "{told}");
    assert_eq!((&told["buckets"][1], &told["buckets_cut"]), (&Value::Null, &json!(false)), "{told}");
    let unjudged = json!([{"limit": "platform", "measure": "in_flight", "reason": "in_flight"}]);
    assert_eq!(told["what_if"]["unjudged"], unjudged, "{told}");
    assert_eq!(api.get(POLICY).await?.header("etag"), tag);
    assert_eq!(api.remaining("org", "acme").await?, 3);

    let request = api.request(Method::PUT, POLICY).header("if-match", &tag).json(&five_each());
    Answer::of(request).await?.expect(200);
    assert_eq!(api.remaining("org", "acme").await?, 0);
    Ok(())
}

/// Overrides and the way back are tried out as well, under the same conditions and with the same problems as the change
/// itself.
#[tokio::test]
async fn overrides_and_the_way_back_are_tried_out() -> Result<()> {
    let api = Api::embedded(TEN_EACH).await?;
    api.acquire(&call_of("acme", 7)).await?.expect(200);
    let twelve = json!({"burst": 12});
    let put = (Method::PUT, OVERRIDE);
    let told = ask(&api, put.clone(), "", Some(&twelve)).await?.expect(200);
    let change = json!([{"limit": "org", "key": "acme", "then": {"burst": 12}}]);
    assert_eq!((&told["changes"]["overrides"], &told["changes"]["limits"]), (&change, &json!([])), "{told}");
    assert_eq!(told["buckets"][0]["then"]["remaining"], 5, "{told}");
    ask(&api, put.clone(), "\"0-x\"", Some(&twelve)).await?.expect_problem(412, "policy-changed", "if-match");
    ask(&api, put, "", Some(&json!({"rate": "much"}))).await?.expect_problem(422, "invalid-policy", "rate");
    let delete = (Method::DELETE, OVERRIDE);
    ask(&api, delete.clone(), "", None).await?.expect_problem(404, "unknown-override", "key");
    assert_eq!(api.get(POLICY).await?.header("tollgate-policy-version"), "1");

    Answer::of(api.request(Method::PUT, OVERRIDE).json(&twelve)).await?.expect(200);
    let told = ask(&api, delete, "", None).await?.expect(200);
    assert_eq!(told["changes"]["overrides"][0]["now"], twelve, "{told}");
    let back = (Method::POST, "/v1/shop/policy/rollback");
    let told = ask(&api, back.clone(), "", Some(&json!({"version": 1}))).await?.expect(200);
    assert_eq!(
        (&told["version"], &told["buckets"][0]["then"]["remaining"]),
        (&json!(3), &json!(3)),
        "{told}"
    );
    ask(&api, back, "", Some(&json!({"version": 9}))).await?.expect_problem(
        404,
        "unknown-version",
        "version",
    );
    assert_eq!(api.get(POLICY).await?.header("tollgate-policy-version"), "2");
    Ok(())
}

/// On the command line what would change is tables for people, and the answer itself for programs.
#[tokio::test]
async fn commands_show_what_would_change() -> Result<()> {
    let api = Api::embedded(TEN_EACH).await?;
    api.acquire(&call_of("acme", 7)).await?.expect(200);
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("shop.json");
    std::fs::write(&file, five_each().to_string())?;
    let file = file.display().to_string();
    let apply = ["policy", "apply", file.as_str(), "--dry-run"];
    let table = done(&api, &apply).await?;
    let has = |table: &str, cells: &[&str]| {
        let found = table.lines().any(|line| line.split_whitespace().eq(cells.iter().copied()));
        assert!(found, "{cells:?} is not in\n{table}");
    };
    has(&table, &["limit[org].burst", "10", "5"]);
    has(&table, &["limit[org].weight[acme]", "-", "2"]);
    assert!(table.contains("org    acme  tokens   3/10  0/5"), "{table}");
    assert!(table.contains("Unknown at platform, in_flight"), "{table}");
    let json: Value = serde_json::from_str(&done(&api, &[&apply[..], &["--json"]].concat()).await?)?;
    assert_eq!((&json["dry_run"], &json["version"]), (&json!(true), &json!(2)), "{json}");

    let set = done(&api, &["quota", "set", "org", "acme", "--burst", "12", "--dry-run"]).await?;
    has(&set, &["limit[org].override[acme]", "-", "{\"burst\":12}"]);
    has(&set, &["org", "acme", "tokens", "3/10", "5/12", "-"]);
    assert_eq!(done(&api, &["policy", "rollback", "1", "--dry-run"]).await?, "it is the policy in force\n");
    assert_eq!(api.get(POLICY).await?.header("tollgate-policy-version"), "1");
    Ok(())
}
