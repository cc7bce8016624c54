//! Pauses by hand over HTTP.

use anyhow::Result;
use reqwest::Method;
use serde_json::json;

use super::client::{Answer, Api, TEN_EACH, call_of};

const PAUSES: &str = "/v1/shop/pauses";

/// A pause is told, listed and ended, and stands in the audit trail with who and what for.
#[tokio::test]
async fn a_bucket_is_paused_and_let_go_on() -> Result<()> {
    let api = Api::embedded(TEN_EACH.replace("1/1h", "1000/s").as_str()).await?;
    assert_eq!(api.get(PAUSES).await?.expect(200), json!({"pauses": []}));
    let asked = json!({"limit": "org", "key": "acme/1", "for_ms": 3_600_000});
    let request = api.request(Method::POST, PAUSES).json(&asked);
    let request = request.header("tollgate-author", "ann").header("tollgate-reason", "maintenance");
    let paused = Answer::of(request).await?;
    assert_eq!(paused.expect(200), json!({"limit": "org", "key": "acme/1", "paused_for_ms": 3_600_000}));
    api.acquire(&call_of("acme/1", 1)).await?.expect(429);
    api.acquire(&call_of("globex", 1)).await?.expect(200);
    let listed = api.get(PAUSES).await?.expect(200);
    assert_eq!(listed["pauses"].as_array().map(Vec::len), Some(1), "{listed}");
    assert_eq!(
        (&listed["pauses"][0]["limit"], &listed["pauses"][0]["key"]),
        (&json!("org"), &json!("acme/1"))
    );

    let resume = || api.request(Method::DELETE, &format!("{PAUSES}?limit=org&key=acme%2F1"));
    let ended = Answer::of(resume().header("tollgate-author", "bob")).await?;
    assert_eq!(ended.expect(200), json!({"limit": "org", "key": "acme/1", "resumed": true}));
    let again = Answer::of(resume()).await?.expect(200);
    assert_eq!(again["resumed"], false, "one that is not paused stays as it is: {again}");
    api.acquire(&super::client::with(call_of("acme/1", 1), "max_wait", "30s")).await?.expect(200);
    let trail = api.get("/v1/shop/audit?limit=org").await?.expect(200);
    let told: Vec<_> = trail["entries"].as_array().expect("entries").iter().collect();
    let kinds: Vec<_> = told.iter().filter_map(|entry| entry["kind"].as_str()).collect();
    assert_eq!(kinds, ["hold", "resume"], "{trail}");
    assert_eq!((&told[0]["author"], &told[0]["reason"]), (&json!("ann"), &json!("maintenance")), "{trail}");
    assert_eq!(told[1]["author"], "bob", "{trail}");
    Ok(())
}

/// However far a number is from what a pause may be, the answer says how long one may be, and so does the description.
#[tokio::test]
async fn a_pause_that_is_too_long_is_told_how_long_one_may_be() -> Result<()> {
    let api = Api::embedded(TEN_EACH).await?;
    for for_ms in ["0", "-1", "1.5", "2678400001", "4294967296", "99999999999999999999", "-1e300"] {
        let asked = format!(r#"{{"limit": "org", "key": "acme", "for_ms": {for_ms}}}"#);
        let answer = api.post(PAUSES, &serde_json::from_str(&asked)?).await?;
        let detail = answer.expect_problem(422, "invalid-value", "for_ms")["detail"].to_string();
        assert!(
            detail.contains("expected a whole number, 1 to 2678400000, which is 31 days"),
            "{for_ms}: {detail}"
        );
    }
    for (for_ms, paused_for_ms) in [("6e4", 60_000), ("2678400000.0", 2_678_400_000_u64)] {
        let asked = format!(r#"{{"limit": "org", "key": "acme", "for_ms": {for_ms}}}"#);
        let paused = api.post(PAUSES, &serde_json::from_str(&asked)?).await?.expect(200);
        assert_eq!(paused["paused_for_ms"], paused_for_ms, "{for_ms}");
    }
    let described = api.get("/openapi.json").await?.expect(200);
    let for_ms = &described["components"]["schemas"]["PauseRequest"]["properties"]["for_ms"];
    let stated = ["type", "minimum", "maximum"].map(|name| for_ms[name].clone());
    assert_eq!(stated, [json!("integer"), json!(1), json!(2_678_400_000_u64)], "{for_ms}");
    Ok(())
}

/// What can't be paused is told by its field, and nothing is paused.
#[tokio::test]
async fn what_can_not_be_paused_is_told_by_its_field() -> Result<()> {
    let api = Api::embedded(TEN_EACH).await?;
    for (asked, status, kind, field) in [
        (json!({"limit": "org", "key": "acme", "for_ms": "1"}), 400, "malformed", "for_ms"),
        (json!({"limit": "org", "key": "acme"}), 400, "malformed", "for_ms"),
        (json!({"limit": "nothing", "key": "acme", "for_ms": 1}), 404, "unknown-limit", "limit"),
        (json!({"limit": "org", "key": "", "for_ms": 1}), 404, "unknown-limit", "key"),
        (json!({"limit": "org", "key": "a\u{0}b", "for_ms": 1}), 404, "unknown-limit", "key"),
    ] {
        api.post(PAUSES, &asked).await?.expect_problem(status, kind, field);
    }
    for query in ["", "?limit=org", "?key=acme", "?limit=org&key=acme&for=1"] {
        let answer = Answer::of(api.request(Method::DELETE, &format!("{PAUSES}{query}"))).await?;
        assert_eq!(answer.status, 400, "{query}: {answer:?}");
    }
    let answer = Answer::of(api.request(Method::DELETE, &format!("{PAUSES}?limit=org&key="))).await?;
    answer.expect_problem(404, "unknown-limit", "key");
    api.get(&format!("{PAUSES}?cursor=x")).await?.expect_problem(422, "invalid-value", "cursor");
    assert_eq!(api.get(PAUSES).await?.expect(200), json!({"pauses": []}));
    Ok(())
}
