//! The versions of the policy over HTTP, and the way back to one.

use anyhow::Result;
use reqwest::Method;
use serde_json::json;

use super::client::{Answer, Api, TEN_EACH, call_of};

const ROLLBACK: &str = "/v1/shop/policy/rollback";

fn twenty_each() -> String {
    TEN_EACH.replace("burst = 10", "burst = 20")
}

/// What was in force is listed and read, and comes back as the next version under a condition; what was spent stays
/// spent.
#[tokio::test]
async fn an_earlier_version_comes_back_under_a_condition() -> Result<()> {
    let api = Api::embedded(TEN_EACH).await?;
    api.acquire(&call_of("acme", 10)).await?.expect(200);
    let first = api.get("/v1/shop/policy").await?;
    let second = api.put_policy("*", &twenty_each()).await?;
    let listed = api.get("/v1/shop/policy/versions").await?.expect(200);
    let versions: Vec<_> = listed["versions"].as_array().expect("versions").iter().collect();
    assert_eq!(versions.len(), 2, "{listed}");
    assert_eq!((&versions[0]["version"], &versions[1]["version"]), (&json!(2), &json!(1)), "{listed}");
    assert_eq!(format!("\"{}\"", versions[0]["tag"].as_str().expect("a tag")), second.header("etag"));
    assert_eq!(versions[1]["reason"], "the namespace's first policy", "{listed}");
    let read = api.get("/v1/shop/policy/versions/1").await?;
    assert_eq!((read.status, &read.text, read.header("etag")), (200, &first.text, first.header("etag")));

    let body = json!({"version": 1});
    let unsaid = api.post(ROLLBACK, &body).await?;
    unsaid.expect_problem(428, "precondition-required", "if-match");
    let roll_back = async |tag: &str| {
        Answer::of(api.request(Method::POST, ROLLBACK).json(&body).header("if-match", tag)).await
    };
    roll_back(first.header("etag")).await?.expect_problem(412, "policy-changed", "if-match");
    let back = roll_back(second.header("etag")).await?;
    assert_eq!((back.status, &back.text), (200, &first.text), "{back:?}");
    assert_eq!(
        (back.header("tollgate-policy-version"), back.header("tollgate-reason")),
        ("3", "back to version 1")
    );
    api.acquire(&call_of("acme", 1)).await?.expect(429);
    Ok(())
}

/// A version that there is not is told as such, however it is written.
#[tokio::test]
async fn a_version_that_there_is_not_is_told() -> Result<()> {
    let api = Api::embedded(TEN_EACH).await?;
    for version in ["0", "2", "18446744073709551615", "99999999999999999999", "-1", "first", "%00"] {
        let answer = api.get(&format!("/v1/shop/policy/versions/{version}")).await?;
        answer.expect_problem(404, "unknown-version", "version");
    }
    for version in [0, 2, u32::MAX] {
        let request = api.request(Method::POST, ROLLBACK).json(&json!({"version": version}));
        let answer = Answer::of(request.header("if-match", "*")).await?;
        answer.expect_problem(404, "unknown-version", "version");
    }
    for body in [
        json!({}),
        json!({"version": "1"}),
        json!({"version": -1}),
        json!({"version": u64::MAX}),
        json!({"version": 1, "to": 2}),
    ] {
        let answer =
            Answer::of(api.request(Method::POST, ROLLBACK).json(&body).header("if-match", "*")).await?;
        assert_eq!(answer.status, 400, "{body}: {answer:?}");
    }
    assert_eq!(api.get("/v1/shop/policy").await?.header("tollgate-policy-version"), "1");
    Ok(())
}
