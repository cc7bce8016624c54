//! Providers that answer everything but a list of limits: each is told by what to do, and nothing changes.

use std::time::Duration;

use anyhow::Result;
use serde_json::{Value, json};
use tollgate_testkit::Replica;

use super::super::client::Api;
use super::command::Run;
use super::scripted::{Answer, Scripted, says};
use super::taking_over::{POLICY, SHOP, overrides, service};

const NAMESPACES: &str = r#"{"entities":["directory","flows"]}"#;

fn entities(entities: &Value) -> Answer {
    says(200, &[], &json!({ "entities": entities }).to_string())
}

/// Whatever goes wrong, it is said with what to do, and the policy stays as it was.
#[tokio::test]
async fn what_is_no_list_of_limits_is_told_with_what_to_do() -> Result<()> {
    let api = service().await?;
    let huge = format!("{{\"entities\":[\"{}\"]}}", "x".repeat(5 << 20));
    let many = format!("{{\"entities\":[\"a\"{}]}}", ",\"a\"".repeat(100_000));
    for (answers, said) in [
        (vec![says(401, &[], "{}")], "does not take the token (401)"),
        (vec![says(403, &[], "{}")], "limits:organization:view"),
        (vec![says(404, &[], "{}")], "check --api-url"),
        (vec![says(429, &[("retry-after", "42")], "{}")], "throttles this client (429): try again in 42 s"),
        (vec![says(429, &[], "")], "throttles this client (429): try again in 3 s"),
        (vec![says(500, &[], "<h1>oh</h1>")], "fails (500): try again later"),
        (vec![says(302, &[("location", "http://127.0.0.1:1/")], "")], "answers 302"),
        (vec![says(200, &[], "<h1>Welcome</h1>")], "is no list of limits (line 1"),
        (vec![says(200, &[], "{}")], "has no limits to tell: check --api-url"),
        (vec![says(200, &[], r#"{"entities":[]}"#)], "has no limits to tell"),
        (vec![says(200, &[], &many)], "more than 100000 limits"),
        (vec![says(200, &[], r#"{"entities":[7]}"#)], "is no list of limits"),
        (vec![says(200, &[], r#"{"entities":["a\u001b[31m"]}"#)], "control characters"),
        (vec![says(200, &[], &huge)], "more than 4194304 bytes"),
        (vec![says(200, &[], NAMESPACES), says(503, &[], "")], "fails (503)"),
        (vec![says(200, &[], NAMESPACES), entities(&json!([{"value": 1}]))], "is no list of limits"),
        (vec![Answer::Says("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nbroken".into())], "breaks off"),
        (vec![Answer::Says("SSH-2.0-x\r\n".into())], "can't be reached"),
    ] {
        let provider = Scripted::start(answers).await?;
        let run = Run::with_token(api.replica.base_url(), &provider.url())?.arguments(&SHOP);
        run.arguments(&["--apply"]).end().await?.failed(1, &["provider", said]);
    }
    assert_eq!(api.get("/v1/shop/policy").await?.header("tollgate-policy-version"), "1");
    Ok(())
}

/// A provider that accepts and says nothing is not waited for longer than was said, wherever it falls silent.
#[tokio::test]
async fn a_silent_provider_is_not_waited_for() -> Result<()> {
    let api = service().await?;
    for answers in [vec![Answer::Silence], vec![says(200, &[], NAMESPACES), Answer::Silence]] {
        let provider = Scripted::start(answers).await?;
        let run = Run::with_token(api.replica.base_url(), &provider.url())?.arguments(&SHOP);
        let run = run.arguments(&["--timeout", "200ms"]);
        let ran = tokio::time::timeout(Duration::from_secs(20), run.end()).await??;
        ran.failed(1, &["does not answer within 200ms", "--timeout"]);
    }
    let provider = Scripted::start(vec![Answer::Silence]).await?;
    let run = Run::new(api.replica.base_url(), &provider.url())?.arguments(&SHOP);
    let ran =
        tokio::time::timeout(Duration::from_secs(20), run.arguments(&["--timeout", "200ms"]).end()).await??;
    ran.failed(1, &["no token from 127.0.0.1", "--timeout"]);
    Ok(())
}

/// Of a token endpoint what it says is told by its meaning alone.
#[tokio::test]
async fn a_token_endpoint_that_gives_no_token_is_told() -> Result<()> {
    let api = service().await?;
    let throttled = r#"{"error":"invalid_request (rate limit exceeded; try again later)"}"#;
    for (answer, said) in [
        (says(401, &[], r#"{"error":"invalid_client"}"#), "invalid_client"),
        (says(400, &[("retry-after", "30")], throttled), "throttles this client"),
        (says(200, &[], "<h1>Welcome</h1>"), "check --token-url"),
        (says(503, &[], ""), "503"),
    ] {
        let provider = Scripted::start(vec![answer]).await?;
        let run = Run::new(api.replica.base_url(), &provider.url())?.arguments(&SHOP);
        run.arguments(&["--timeout", "1s"]).end().await?.failed(1, &["no token from 127.0.0.1", said]);
    }
    Ok(())
}

/// What a policy can't hold is skipped with its reason, the rest is taken over, and the exit code says that it is not
/// all.
#[tokio::test]
async fn a_value_that_the_policy_can_not_hold_is_skipped() -> Result<()> {
    for value in
        [json!(0), json!(-5), json!(1.5), json!("many"), json!(null), json!(9_007_199_254_740_993_u64)]
    {
        let api = service().await?;
        let users = json!([{"key": "user.rate.per.minute", "namespace": "directory", "value": value}]);
        let flows = json!([{"key": "flows.rate.per.minute", "value": 9_000}]);
        let answers = vec![says(200, &[], NAMESPACES), entities(&users), entities(&flows)];
        let provider = Scripted::start(answers.clone()).await?;
        let run = Run::with_token(api.replica.base_url(), &provider.url())?.arguments(&SHOP);
        run.end().await?.done();
        let provider = Scripted::start(answers).await?;
        let run = Run::with_token(api.replica.base_url(), &provider.url())?.arguments(&SHOP);
        let ran = run.arguments(&["--apply"]).end().await?;
        assert_eq!(ran.code, Some(1), "{value}: {ran:?}");
        let row = ran.stdout.lines().find(|line| line.starts_with("users")).unwrap_or_default();
        let reason = format!("skipped: the provider says {value}, expected");
        assert!(row.contains(&reason), "{value}: {}", ran.stdout);
        assert_eq!(overrides(&api, "users").await?, Value::Null, "{value}");
        assert_eq!(overrides(&api, "flows").await?, json!({"acme": {"quota": "9000/1m"}}), "{value}");
    }
    Ok(())
}

/// All pages of a list are read, by their numbers: an address in an answer is not followed, nor is a list that never
/// ends.
#[tokio::test]
async fn lists_in_pages_are_read_to_their_end() -> Result<()> {
    let api = service().await?;
    let page = |number: u64, entities: Value| {
        let next = "http://127.0.0.1:1/elsewhere";
        let page = json!({"entities": entities, "pageNumber": number, "pageCount": 2, "nextUri": next});
        says(200, &[], &page.to_string())
    };
    let answers = vec![
        page(1, json!(["directory"])),
        page(2, json!(["flows"])),
        page(1, json!([{"key": "other.rate.per.minute", "value": 1}])),
        page(2, json!([{"key": "user.rate.per.minute", "value": 600}])),
        says(404, &[], "{}"),
    ];
    let provider = Scripted::start(answers).await?;
    let run = Run::with_token(api.replica.base_url(), &provider.url())?.arguments(&SHOP);
    let ran = run.end().await?;
    let text = ran.done();
    assert!(
        text.contains("600/1m") && text.contains("lists the namespace flows and tells nothing of it"),
        "{text}"
    );
    let asked: Vec<String> =
        provider.requests().iter().filter_map(|request| Some(request.lines().next()?.into())).collect();
    let api_path = "/api/v2/organizations/limits/namespaces";
    assert_eq!(
        asked,
        [
            format!("GET {api_path}?pageSize=100&pageNumber=1 HTTP/1.1"),
            format!("GET {api_path}?pageSize=100&pageNumber=2 HTTP/1.1"),
            format!("GET {api_path}/directory?pageSize=100&pageNumber=1 HTTP/1.1"),
            format!("GET {api_path}/directory?pageSize=100&pageNumber=2 HTTP/1.1"),
            format!("GET {api_path}/flows?pageSize=100&pageNumber=1 HTTP/1.1"),
        ]
    );

    let endless = says(200, &[], r#"{"entities":["directory"],"nextUri":"/again"}"#);
    let provider = Scripted::start(vec![endless]).await?;
    let run = Run::with_token(api.replica.base_url(), &provider.url())?.arguments(&SHOP);
    run.end().await?.failed(1, &["more than 100 pages"]);
    assert_eq!(provider.requests().len(), 100);
    Ok(())
}

/// Goal: what the provider leaves out is not taken for what is not smaller. Method: a limit has two names, of one of
/// which nothing is told; and a list ends before its last page.
#[tokio::test]
async fn what_is_left_out_raises_nothing() -> Result<()> {
    let two_names =
        POLICY.replace(r#"["directory/user.rate"#, r#"["flows/all.rate.per.minute", "directory/user.rate"#);
    let api = Api::start(Replica::builder().policy(&two_names)).await?;
    let users = json!([{"key": "user.rate.per.minute", "value": 600}]);
    let answers = vec![says(200, &[], NAMESPACES), entities(&users), says(404, &[], "{}")];
    let provider = Scripted::start(answers).await?;
    let run = Run::with_token(api.replica.base_url(), &provider.url())?.arguments(&SHOP);
    let ran = run.arguments(&["--apply"]).end().await?;
    let row = ran.stdout.lines().find(|line| line.starts_with("users")).unwrap_or_default();
    assert!(row.contains("the provider tells nothing of flows/all.rate.per.minute"), "{ran:?}");
    assert_eq!(overrides(&api, "users").await?, Value::Null);

    let first = json!({"entities": users, "pageCount": 2});
    let answers = vec![says(200, &[], NAMESPACES), says(200, &[], &first.to_string()), says(404, &[], "{}")];
    let provider = Scripted::start(answers).await?;
    let run = Run::with_token(api.replica.base_url(), &provider.url())?.arguments(&SHOP);
    run.arguments(&["--apply"]).end().await?.failed(1, &["answers 404"]);
    Ok(())
}
