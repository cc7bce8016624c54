//! Bad input, row by row: a clear typed answer that names the field, and nothing charged.

use anyhow::{Context, Result};
use reqwest::Method;
use serde_json::{Value, json};

use super::client::{Answer, Api, TEN_EACH, call_of, with};
use super::description::Operation;

/// A call with one field of `call` replaced.
fn call_with(field: &str, value: impl Into<Value>) -> Value {
    let mut asked = call_of("acme", 1);
    asked["call"][field] = value.into();
    asked
}

/// Bodies that are no JSON, or JSON of another shape.
#[tokio::test]
async fn a_body_that_can_not_be_read_is_told_by_its_field() -> Result<()> {
    let api = Api::embedded(TEN_EACH).await?;
    let nested = "[".repeat(50_000);
    for (body, field) in [
        ("", ""),
        ("{", ""),
        ("null", ""),
        ("[]", ""),
        (r#"[{"method":"GET","path":"/","org":"acme"},1,"normal","0ms",null]"#, ""),
        (r#"{"call":["GET","/","acme"]}"#, "call"),
        (r#"{"call":{"method":"GET","path":"/","org":"acme"}} trailing"#, ""),
        (&nested, ""),
        (r#"{"cost":1}"#, "call"),
        (r#"{"call":{"method":"GET"}}"#, "call.path"),
        (r#"{"call":{"path":"/"}}"#, "call.method"),
        (r#"{"call":{"method":"GET","path":"/","orgg":"x"}}"#, "call.orgg"),
        (r#"{"call":{"method":"GET","path":"/","org":7}}"#, "call.org"),
        (r#"{"call":{"method":"GET","path":"/","attributes":{"region":7}}}"#, "call.attributes.region"),
        (r#"{"call":{"method":"GET","path":"/","attributes":{"a":"1","a":"2"}}}"#, "call.attributes"),
        (r#"{"call":{"method":"GET","path":"/"},"max_wait":250}"#, "max_wait"),
        (r#"{"call":{"method":"GET","path":"/"},"max_wait":"250"}"#, "max_wait"),
        (r#"{"call":{"method":"GET","path":"/"},"max_wait":"2h"}"#, "max_wait"),
        (r#"{"call":{"method":"GET","path":"/"},"priority":"high"}"#, "priority"),
        (r#"{"call":{"method":"GET","path":"/"},"priority":{"normal":null}}"#, "priority"),
        (r#"{"call":{"method":"GET","path":"/"},"max_wait":"-1ms"}"#, "max_wait"),
        (r#"{"call":{"method":"GET","path":"/"},"max_wait":"1e3s"}"#, "max_wait"),
        (r#"{"call":{"method":"GET","path":"/"},"cost":-1}"#, "cost"),
        (r#"{"call":{"method":"GET","path":"/"},"cost":1.5}"#, "cost"),
        (r#"{"call":{"method":"GET","path":"/"},"cost":4294967296}"#, "cost"),
        (r#"{"call":{"method":"GET","path":"/"},"cost":1,"cost":1}"#, "cost"),
        (r#"{"call":{"method":"GET","path":"/"},"wait":"1s"}"#, "wait"),
        (r#"{"call":{"method":"GET","path":"\ud800"}}"#, "call.path"),
    ] {
        let answer = api.send(Method::POST, "/v1/shop/acquire", "application/json", body).await?;
        let problem = answer.expect_problem(400, "malformed", field);
        assert!(problem["detail"].as_str().is_some_and(|detail| detail.len() < 400), "{problem}");
    }
    assert_eq!(api.remaining("org", "acme").await?, 10);
    Ok(())
}

/// Whatever a field is named, the answer that repeats it stays short.
#[tokio::test]
async fn a_name_of_any_length_does_not_make_a_long_answer() -> Result<()> {
    let api = Api::embedded(TEN_EACH).await?;
    let body = format!(r#"{{"{}":1}}"#, "x".repeat(60_000));
    let answer = api.send(Method::POST, "/v1/shop/acquire", "application/json", body).await?;
    assert_eq!(answer.expect(400)["type"], "urn:tollgate:problem:malformed");
    let unknown = api.get(&format!("/{}", "x".repeat(60_000))).await?;
    unknown.expect_problem(404, "unknown-route", "");
    assert!(answer.text.len() < 5_000 && unknown.text.len() < 5_000, "{} bytes", answer.text.len());
    Ok(())
}

/// What is wrong with a query is told by its field, as it is with a body.
#[tokio::test]
async fn a_query_that_can_not_be_read_is_told_by_its_field() -> Result<()> {
    let api = Api::embedded(TEN_EACH).await?;
    for query in ["dry_run=yes", "dry_run", "dry_run=true&dry_run=true"] {
        let path = format!("/v1/shop/policy?{query}");
        let answer = api.send(Method::PUT, &path, "application/toml", TEN_EACH).await?;
        answer.expect_problem(400, "malformed", "dry_run");
    }
    Ok(())
}

/// A parameter that a request does not take, such as one misspelt, is refused at every route, by its name and with
/// those that there are; and nothing is done. The routes are those of the description, so that none is left out.
#[tokio::test]
async fn an_unknown_query_parameter_is_refused_at_every_route() -> Result<()> {
    let api = Api::embedded(TEN_EACH).await?;
    let mut asked = 0;
    // Probes may be asked with whatever a load balancer adds.
    for Operation { path, method, said } in Operation::all(&api).await? {
        let Some(path) = path.strip_prefix("/v1/{ns}/") else { continue };
        let url = format!("/v1/shop/{}?colour=red", path.replace("{id}", "x"));
        let body = call_of("acme", 1).to_string();
        let answer = api.send(method.clone(), &url, "application/json", body).await?;
        let problem = answer.expect_problem(400, "malformed", "colour");
        let detail = problem["detail"].as_str().unwrap_or_default();
        assert!(detail.contains("unknown query parameter `colour`, expected"), "{method} {url}: {detail}");
        let parameters = said["parameters"].as_array().context("parameters")?;
        for known in parameters.iter().filter(|parameter| parameter["in"] == "query") {
            let name = known["name"].as_str().context("a name")?;
            assert!(detail.contains(&format!("`{name}`")), "{method} {url}: {detail}");
        }
        asked += 1;
    }
    assert!(asked >= 9, "only {asked} operations are where this test reads them");
    assert_eq!(api.remaining("org", "acme").await?, 10);
    Ok(())
}

/// Calls that are well written and can never be granted.
#[tokio::test]
async fn a_call_that_can_not_be_decided_on_is_told_by_its_field() -> Result<()> {
    let api = Api::embedded(TEN_EACH).await?;
    let many: Value =
        (0..17).map(|number| (format!("a{number}"), json!("x"))).collect::<serde_json::Map<_, _>>().into();
    for (asked, field) in [
        (call_with("org", ""), "call.org"),
        (call_with("org", "a\nb"), "call.org"),
        (call_with("org", "a\u{0}b"), "call.org"),
        (call_with("org", "x".repeat(257)), "call.org"),
        (call_with("client", "\u{7f}"), "call.client"),
        (call_with("provider", ""), "call.provider"),
        (call_with("token", "x".repeat(8_193)), "call.token"),
        (call_with("path", "orders"), "call.path"),
        (call_with("path", ""), "call.path"),
        (call_with("path", format!("/{}", "x".repeat(2_048))), "call.path"),
        (call_with("method", ""), "call.method"),
        (call_with("method", "GET /"), "call.method"),
        (call_with("attributes", json!({"a b": "x"})), "call.attributes"),
        (call_with("attributes", json!({"a": "\r\n"})), "call.attributes.a"),
        (call_with("attributes", many), "call.attributes"),
        (json!({"call": {"method": "GET", "path": "/"}}), "call.org"),
        (call_of("acme", 0), "cost"),
        (call_of("acme", 11), "cost"),
        (with(call_of("acme", 1), "request_id", ""), "request_id"),
        (with(call_of("acme", 1), "request_id", "x".repeat(257)), "request_id"),
    ] {
        api.acquire(&asked).await?.expect_problem(422, "invalid-call", field);
    }
    assert_eq!(api.remaining("org", "acme").await?, 10);
    Ok(())
}

/// A token is a secret: an error about it does not repeat it.
#[tokio::test]
async fn a_refused_token_is_not_repeated() -> Result<()> {
    let api = Api::start(tollgate_testkit::Replica::builder().policy(TEN_EACH).env("TOLLGATE_LOG", "trace"))
        .await?;
    let answer = api.acquire(&call_with("token", "s3cret\n")).await?;
    assert!(
        !answer.expect_problem(422, "invalid-call", "call.token").to_string().contains("s3cret"),
        "{answer:?}"
    );
    api.acquire(&call_with("token", "s3cret")).await?.expect(200);
    assert!(!api.replica.log().contains("s3cret"), "{}", api.replica.log());
    Ok(())
}

/// Places that are not there, and methods that are not there at places that are.
#[tokio::test]
async fn unknown_places_and_methods_are_told() -> Result<()> {
    let api = Api::embedded(TEN_EACH).await?;
    for (path, kind) in [
        ("/", "unknown-route"),
        ("/v1/shop", "unknown-route"),
        ("/v1/shop/nothing", "unknown-route"),
        ("/v1/shop/acquire/", "unknown-route"),
        ("/v1/other/policy", "unknown-namespace"),
        ("/v1/%FF/policy", "unknown-route"),
        ("/v1/shop%2F..%2Fshop/policy", "unknown-namespace"),
        ("/v1//policy", "unknown-namespace"),
    ] {
        let problem = api.get(path).await?.expect(404);
        assert_eq!(problem["type"], format!("urn:tollgate:problem:{kind}"), "{path}");
    }
    for (method, path, allow) in [
        (Method::GET, "/v1/shop/acquire", "POST"),
        (Method::DELETE, "/v1/shop/policy", "GET,HEAD,PUT"),
        (Method::POST, "/v1/shop/limits", "GET,HEAD"),
        (Method::GET, "/v1/shop/permits/x", "DELETE"),
        (Method::GET, "/v1/shop/permits/x/settle", "POST"),
        (Method::POST, "/readyz", "GET,HEAD"),
        (Method::PATCH, "/v1/shop/buckets", "GET,HEAD"),
    ] {
        let answer = Answer::of(api.request(method, path)).await?;
        answer.expect_problem(405, "method-not-allowed", "");
        assert_eq!(answer.header("allow"), allow, "{path}");
    }
    Ok(())
}

/// A body says what it is, so that no web page can send one without asking.
#[tokio::test]
async fn a_body_of_another_media_type_is_refused() -> Result<()> {
    let api = Api::embedded(TEN_EACH).await?;
    let body = call_of("acme", 1).to_string();
    for kind in ["text/plain", "application/x-www-form-urlencoded", "application/toml", ""] {
        let answer = api.send(Method::POST, "/v1/shop/acquire", kind, body.clone()).await?;
        answer.expect_problem(415, "unsupported-media-type", "");
        let answer = api.send(Method::PUT, "/v1/shop/policy", kind, TEN_EACH).await?;
        if kind != "application/toml" {
            answer.expect_problem(415, "unsupported-media-type", "");
        }
    }
    for (name, value) in [("content-type", "text/plain"), ("content-encoding", "gzip")] {
        let request =
            api.request(Method::POST, "/v1/shop/acquire").header("content-type", "application/json");
        let answer = Answer::of(request.header(name, value).body(body.clone())).await?;
        let field = if name == "content-encoding" { name } else { "" };
        answer.expect_problem(415, "unsupported-media-type", field);
    }
    for kind in ["application/json; charset=utf-8", "Application/JSON"] {
        api.send(Method::POST, "/v1/shop/acquire", kind, body.clone()).await?.expect(200);
    }
    assert_eq!(api.remaining("org", "acme").await?, 8);
    Ok(())
}

/// A policy's text must be text.
#[tokio::test]
async fn a_policy_that_is_not_utf_8_is_refused() -> Result<()> {
    let api = Api::embedded(TEN_EACH).await?;
    let answer =
        api.send(Method::PUT, "/v1/shop/policy", "application/json", b"{\"namespace\":\"\xff\"}").await?;
    answer.expect_problem(400, "malformed", "");
    let answer = api.send(Method::PUT, "/v1/shop/policy", "application/json", "[".repeat(50_000)).await?;
    assert_eq!(answer.expect(422)["type"], "urn:tollgate:problem:invalid-policy");
    let request = api.request(Method::PUT, "/v1/shop/policy").header("if-match", "*");
    let request =
        request.header("tollgate-author", "x".repeat(257)).header("content-type", "application/toml");
    Answer::of(request.body(TEN_EACH)).await?.expect_problem(422, "invalid-value", "tollgate-author");
    Ok(())
}

/// To JSON 2 and 2.0 are the same number, and its schemas call both whole. Bug: 2.0 was refused.
#[tokio::test]
async fn a_whole_number_may_be_written_with_a_point() -> Result<()> {
    let api = Api::embedded(TEN_EACH).await?;
    let json = "application/json";
    let body = r#"{"call":{"method":"GET","path":"/","org":"acme"},"cost":4.0}"#;
    let granted = api.send(Method::POST, "/v1/shop/acquire", json, body).await?.expect(200);
    assert_eq!(api.remaining("org", "acme").await?, 6);
    let permit = granted["permit"].as_str().context("a permit")?;
    let settle = format!("/v1/shop/permits/{permit}/settle");
    api.send(Method::POST, &settle, json, r#"{"cost":1.5}"#).await?.expect_problem(400, "malformed", "cost");
    api.send(Method::POST, &settle, json, r#"{"cost":2e0}"#).await?.expect(204);
    assert_eq!(api.remaining("org", "acme").await?, 8);
    let answer = format!(r#"{{"permit":"{permit}","status":200.0}}"#);
    api.send(Method::POST, "/v1/shop/observe", json, answer).await?.expect(200);
    Ok(())
}
