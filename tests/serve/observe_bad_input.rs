//! Observations that are no answers, or hostile ones: told by their field, and nothing is paused.

use anyhow::{Context, Result};
use reqwest::Method;
use serde_json::json;
use tollgate_testkit::Replica;

use super::client::{Api, TEN_EACH, call_of};
use super::observe::{GENESYS, call, genesys_body, permit, refused};

/// Bodies that are no JSON, or JSON of another shape.
#[tokio::test]
async fn an_observation_that_can_not_be_read_is_told_by_its_field() -> Result<()> {
    let api = Api::embedded(TEN_EACH).await?;
    let many = format!(r#"{{"call":{{}},"status":429,"headers":{{"a":[{}"x"]}}}}"#, r#""x","#.repeat(200));
    let many = many.replace("{}", r#"{"method":"GET","path":"/","org":"acme"}"#);
    let deep = format!(r#"{{"permit":7,"status":429,"body":{}}}"#, "[".repeat(50_000));
    let call = r#""call":{"method":"GET","path":"/","org":"acme"}"#;
    let rows = [
        ("", ""),
        ("[]", ""),
        ("{CALL}", "status"),
        (r#"{CALL,"status":99}"#, "status"),
        (r#"{CALL,"status":600}"#, "status"),
        (r#"{CALL,"status":-429}"#, "status"),
        (r#"{CALL,"status":65965}"#, "status"),
        (r#"{CALL,"status":"429"}"#, "status"),
        (r#"{CALL,"status":429.5}"#, "status"),
        (r#"{CALL,"status":null}"#, "status"),
        (r#"{CALL,"status":429,"status":429}"#, "status"),
        (r#"{CALL,"status":429,"wait":1}"#, "wait"),
        (r#"{CALL,"status":429,"headers":[]}"#, "headers"),
        (r#"{CALL,"status":429,"headers":{"":"x"}}"#, "headers"),
        (r#"{CALL,"status":429,"headers":{"a b":"x"}}"#, "headers"),
        (r#"{CALL,"status":429,"headers":{"a":7}}"#, "headers.a"),
        (r#"{CALL,"status":429,"headers":{"a":null}}"#, "headers.a"),
        (r#"{CALL,"status":429,"headers":{"a":["x",{}]}}"#, "headers.a"),
        (r#"{CALL,"status":429,"headers":{"retry-after":"42\r\nx: y"}}"#, "headers.retry-after"),
        (r#"{CALL,"status":429,"body":"\ud800"}"#, "body"),
        (r#"{CALL,"status":429,"body":{"a":}}"#, "body"),
        (r#"{"call":["GET","/"],"status":429}"#, "call"),
        (r#"{"call":{"method":"GET"},"status":429}"#, "call.path"),
        (r#"{"call":{"method":"GET","path":"/","cost":1},"status":429}"#, "call.cost"),
        (r#"{"permit":7,"status":429}"#, "permit"),
        (r#"{"permit":{},"status":429}"#, "permit"),
        (&many, "headers"),
        (&deep, "permit"),
    ];
    for (body, field) in rows {
        let body = body.replace("CALL", call);
        let answer = api.send(Method::POST, "/v1/shop/observe", "application/json", body.clone()).await?;
        let problem = answer.expect_problem(400, "malformed", field);
        assert!(problem["detail"].as_str().is_some_and(|detail| detail.len() < 400), "{body}: {problem}");
    }
    let answer = api.send(Method::POST, "/v1/shop/observe", "text/plain", "{}").await?;
    answer.expect_problem(415, "unsupported-media-type", "");
    let large = |bytes: usize| format!(r#"{{{call},"status":200,"body":"{}"}}"#, "x".repeat(bytes));
    api.send(Method::POST, "/v1/shop/observe", "application/json", large(200 << 10)).await?.expect(200);
    let answer = api.send(Method::POST, "/v1/shop/observe", "application/json", large(256 << 10)).await?;
    answer.expect_problem(413, "too-large", "");
    assert_eq!(api.remaining("org", "acme").await?, 10, "nothing was paused");
    Ok(())
}

/// Observations that are well written, of calls and permits that there can't be. A call is looked at whatever the
/// answer says.
#[tokio::test]
async fn an_observation_that_can_not_be_taken_is_told_by_its_field() -> Result<()> {
    let (api, stranger) = (Api::embedded(TEN_EACH).await?, Api::embedded(TEN_EACH).await?);
    let foreign = permit(&stranger, &call_of("acme", 1)).await?;
    let own = permit(&api, &call_of("acme", 1)).await?;
    for status in [200, 429] {
        for id in [&foreign, "", "x", "\u{0}", "../..", &own[1..], &format!("{own}="), &"A".repeat(16_000)] {
            let told = json!({"permit": id, "status": status});
            api.observe(&told).await?.expect_problem(404, "unknown-permit", "permit");
        }
        for (field, value) in
            [("org", ""), ("org", "a\nb"), ("path", "orders"), ("method", "GET /"), ("token", "\u{0}")]
        {
            let mut told = json!({"call": call("/orders", "acme"), "status": status});
            told["call"][field] = value.into();
            api.observe(&told).await?.expect_problem(422, "invalid-call", &format!("call.{field}"));
        }
        let neither = json!({"permit": null, "call": null, "status": status});
        api.observe(&neither).await?.expect_problem(422, "invalid-value", "permit");
    }
    let unnamed = json!({"call": {"method": "GET", "path": "/"}, "status": 429});
    api.observe(&unnamed).await?.expect_problem(422, "invalid-call", "call.org");
    assert_eq!(api.remaining("org", "acme").await?, 9, "nothing was paused");
    Ok(())
}

/// Whatever a provider names its limit, and whatever it sends, the answer is one, and the policy stays one.
#[tokio::test]
async fn hostile_answers_do_no_harm() -> Result<()> {
    let api = Api::embedded(GENESYS).await?;
    for name in ["../../x", "a\"]\n[[limit]]", "{shop}:state", "Ünï 株", "\u{202e}", "*", &"x".repeat(240)]
    {
        let body = genesys_body(&json!({"key": name, "namespace": "n", "value": 1e308}));
        let told = json!({"call": call("/**/../*", "a/b%2Fc\" ü"), "status": 429, "body": body});
        let observed = api.observe(&told).await?.expect(200);
        assert!(observed["paused"]["name"].is_string(), "{name}: {observed}");
    }
    let limits = api.get("/v1/shop/limits").await?.expect(200);
    for limit in limits["limits"].as_array().context("a list")? {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._-".contains(&byte);
        assert!(limit["name"].as_str().is_some_and(|name| name.bytes().all(plain)), "{limit}");
    }
    for retry_after in ["-1", "1e99", "nan", "Thu, 01 Jan 1970 00:00:00 GMT", "", "4, 2", &"9".repeat(9_000)]
    {
        api.observe(&refused(&call("/users", "globex"), retry_after)).await?.expect(200);
    }
    for body in [json!("[".repeat(60_000)), json!("\u{0}\u{feff}"), json!(7), json!([[[]]]), json!(true)] {
        api.observe(&json!({"call": call("/users", "initech"), "status": 429, "body": body}))
            .await?
            .expect(200);
    }
    api.get("/readyz").await?.expect(200);
    Ok(())
}

/// Ids are as good as permits, and the provider's answers may hold cookies: no log has them.
#[tokio::test]
async fn nothing_secret_of_an_observation_is_logged() -> Result<()> {
    let api = Api::start(Replica::builder().policy(TEN_EACH).env("TOLLGATE_LOG", "trace")).await?;
    let id = permit(&api, &call_of("acme", 1)).await?;
    let mut told = json!({"permit": id, "call": call("/orders", "acme"), "status": 429,
        "headers": {"set-cookie": "s3cret"}, "body": "s3cret"});
    told["call"]["token"] = "s3cret".into();
    api.observe(&told).await?.expect(200);
    told["headers"]["set-cookie"] = "s3cret\n".into();
    let answer = api.observe(&told).await?;
    answer.expect_problem(400, "malformed", "headers.set-cookie");
    assert!(!answer.text.contains("s3cret"), "{answer:?}");
    let log = api.replica.log();
    assert!(!log.contains("s3cret") && !log.contains(&id), "{log}");
    Ok(())
}
