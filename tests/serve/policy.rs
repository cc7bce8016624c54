//! The policy: read with its tag, changed by whoever has read it, tried out without a change.

use anyhow::Result;
use reqwest::Method;
use reqwest::header::CONTENT_TYPE;
use serde_json::{Value, json};

use tollgate_testkit::eventually;

use super::client::{Answer, Api, PATIENCE, TEN_EACH, call_of, with};

fn twenty_each() -> Value {
    json!({"namespace": "shop", "limit": [{"name": "org", "per": ["org"], "rate": "1/1h", "burst": 20}]})
}

async fn put(api: &Api, path: &str, if_match: &str, policy: &Value) -> Result<Answer> {
    let request = api.request(Method::PUT, path).json(policy);
    Answer::of(if if_match.is_empty() { request } else { request.header("if-match", if_match) }).await
}

/// What is written in TOML is read back as canonical JSON, with a tag that saves reading it again.
#[tokio::test]
async fn the_policy_is_read_as_canonical_json_with_its_tag() -> Result<()> {
    let api = Api::embedded(TEN_EACH).await?;
    let answer = api.get("/v1/shop/policy").await?;
    let written = r#"{"namespace":"shop","limit":[{"name":"org","per":["org"],"rate":"1/1h","burst":10}]}"#;
    assert_eq!((answer.status, answer.text.as_str()), (200, written));
    assert_eq!(answer.header("tollgate-policy-version"), "1");
    let tag = answer.header("etag");
    assert!(tag.starts_with("\"1-") && tag.ends_with('"'), "{tag}");
    for known in [tag.to_owned(), format!("\"0-x\", W/{tag}"), "*".to_owned()] {
        let request = api.request(Method::GET, "/v1/shop/policy").header("if-none-match", &known);
        let answer = Answer::of(request).await?;
        assert_eq!((answer.status, answer.header("etag"), answer.text.as_str()), (304, tag, ""), "{known}");
    }
    let request =
        api.request(Method::GET, "/v1/shop/policy").header("if-none-match", "\"1-0000000000000000\"");
    Answer::of(request).await?.expect(200);
    Ok(())
}

/// A change holds from the next call on, and says who made it and what for.
#[tokio::test]
async fn a_changed_policy_is_in_force_at_once() -> Result<()> {
    let api = Api::embedded(TEN_EACH).await?;
    api.acquire(&call_of("acme", 10)).await?.expect(200);
    let tag = api.get("/v1/shop/policy").await?.header("etag").to_owned();
    let request = api.request(Method::PUT, "/v1/shop/policy").json(&twenty_each()).header("if-match", tag);
    let request =
        request.header("tollgate-author", "Zoë".as_bytes()).header("tollgate-reason", "a higher tier");
    let changed = Answer::of(request).await?;
    assert_eq!(changed.expect(200), twenty_each());
    assert_eq!(changed.header("tollgate-policy-version"), "2");
    api.acquire(&call_of("acme", 10)).await?.expect(200);
    let read = api.get("/v1/shop/policy").await?;
    assert_eq!((read.header("etag"), &read.text), (changed.header("etag"), &changed.text));
    assert_eq!(read.headers["tollgate-author"].as_bytes(), "Zoë".as_bytes());
    assert_eq!(read.header("tollgate-reason"), "a higher tier");
    Ok(())
}

/// Whoever waits by the old policy is granted by the new one as soon as that allows it.
#[tokio::test]
async fn a_raise_reaches_who_waits() -> Result<()> {
    let api = Api::embedded(TEN_EACH).await?;
    api.acquire(&call_of("acme", 10)).await?.expect(200);
    // An hour's wait, which the raise ends.
    let asked = with(call_of("acme", 1), "max_wait", "1h");
    let waiting = Answer::of(api.request(Method::POST, "/v1/shop/acquire").json(&asked));
    let raise = async {
        let in_line =
            eventually("a caller in line", PATIENCE, async || match api.end_of_line_ms("acme", 1).await {
                Ok(ms) if ms > 3_600_000 => Ok(()),
                other => Err(format!("{other:?}")),
            });
        in_line.await?;
        api.put_policy("*", &TEN_EACH.replace("1/1h", "100/s")).await
    };
    let (granted, raised) = tokio::join!(waiting, raise);
    raised?.expect(200);
    granted?.expect(200);
    Ok(())
}

/// A call that can no longer be granted by the new policy is told so, however long it could wait.
#[tokio::test]
async fn a_policy_that_a_waiting_call_can_not_pass_ends_its_wait() -> Result<()> {
    let api = Api::embedded(TEN_EACH).await?;
    api.acquire(&call_of("acme", 10)).await?.expect(200);
    let asked = with(call_of("acme", 4), "max_wait", "1h");
    let waits = TEN_EACH.replace("1/1h", "10/1h");
    api.put_policy("*", &waits).await?.expect(200);
    let waiting = Answer::of(api.request(Method::POST, "/v1/shop/acquire").json(&asked));
    let lowered = async {
        let in_line =
            eventually("a caller in line", PATIENCE, async || match api.end_of_line_ms("acme", 4).await {
                // Four tokens for each of two.
                Ok(ms) if ms > 7 * 360_000 => Ok(()),
                other => Err(format!("{other:?}")),
            });
        in_line.await?;
        api.put_policy("*", &waits.replace("burst = 10", "burst = 3")).await
    };
    let (refused, lowered) = tokio::join!(waiting, lowered);
    lowered?.expect(200);
    refused?.expect_problem(422, "invalid-call", "cost");
    Ok(())
}

/// Two operators who have read the same version can't undo each other's change unseen.
#[tokio::test]
async fn a_change_on_an_old_version_is_refused() -> Result<()> {
    let api = Api::embedded(TEN_EACH).await?;
    let first = api.get("/v1/shop/policy").await?.header("etag").to_owned();
    let second = put(&api, "/v1/shop/policy", &first, &twenty_each()).await?.header("etag").to_owned();
    for tag in [&first, "\"2-0000000000000000\"", &format!("W/{second}")] {
        let problem = put(&api, "/v1/shop/policy", tag, &twenty_each()).await?;
        let problem = problem.expect_problem(412, "policy-changed", "if-match");
        assert!(problem["detail"].as_str().is_some_and(|detail| detail.contains(&second)), "{problem}");
    }
    put(&api, "/v1/shop/policy", &format!("{first}, {second}"), &twenty_each()).await?.expect(200);
    put(&api, "/v1/shop/policy", "*", &twenty_each()).await?.expect(200);
    Ok(())
}

/// Nobody overwrites by accident what he has not read.
#[tokio::test]
async fn a_change_must_say_which_version_it_follows() -> Result<()> {
    let api = Api::embedded(TEN_EACH).await?;
    put(&api, "/v1/shop/policy", "", &twenty_each()).await?.expect_problem(
        428,
        "precondition-required",
        "if-match",
    );
    put(&api, "/v1/shop/policy", "1-abc", &twenty_each()).await?.expect_problem(400, "malformed", "if-match");
    assert_eq!(api.get("/v1/shop/policy").await?.header("tollgate-policy-version"), "1");
    Ok(())
}

/// The file that a replica starts with can be put as it is.
#[tokio::test]
async fn a_policy_can_be_put_in_toml() -> Result<()> {
    let api = Api::embedded(TEN_EACH).await?;
    let text = TEN_EACH.replace("burst = 10", "burst = 20");
    for kind in ["application/toml", "application/toml; charset=utf-8", "text/toml"] {
        let request =
            api.request(Method::PUT, "/v1/shop/policy").header(CONTENT_TYPE, kind).header("if-match", "*");
        let answer = Answer::of(request.body(text.clone())).await?;
        assert_eq!(answer.expect(200), twenty_each(), "{kind}");
    }
    Ok(())
}

/// A dry run tells what a policy comes to, or what is wrong with it, and changes nothing.
#[tokio::test]
async fn a_dry_run_tells_what_a_policy_would_become() -> Result<()> {
    let api = Api::embedded(TEN_EACH).await?;
    let path = "/v1/shop/policy?dry_run=true";
    let preview = put(&api, path, "", &twenty_each()).await?.expect(200);
    assert_eq!((&preview["dry_run"], &preview["changed"]), (&json!(true), &json!(true)));
    assert_eq!(preview["policy"], twenty_each());
    assert_eq!(preview["limits"][0]["terms"]["capacity"], 20 * 3_600_000_000_u64);
    let same = api.get("/v1/shop/policy").await?;
    assert_eq!(put(&api, path, same.header("etag"), &same.expect(200)).await?.expect(200)["changed"], false);
    put(&api, path, "\"0-x\"", &twenty_each()).await?.expect_problem(412, "policy-changed", "if-match");
    put(&api, path, "", &json!({"namespace": "other"})).await?.expect_problem(
        422,
        "invalid-policy",
        "namespace",
    );
    assert_eq!(api.get("/v1/shop/policy").await?.header("etag"), same.header("etag"));
    Ok(())
}

/// All that is wrong is told at once, with the place of each.
#[tokio::test]
async fn a_wrong_policy_is_refused_with_all_its_problems() -> Result<()> {
    let api = Api::embedded(TEN_EACH).await?;
    let wrong = json!({"namespace": "shop", "limit": [
        {"name": "a", "per": ["org"], "rate": "10"},
        {"name": "b", "per": ["nothing"], "quota": "10/1m", "burst": 11},
    ]});
    let problem = put(&api, "/v1/shop/policy", "*", &wrong).await?;
    let problem = problem.expect_problem(422, "invalid-policy", "limit[0].rate");
    let fields: Vec<_> =
        problem["problems"].as_array().expect("a list").iter().map(|one| &one["field"]).collect();
    for field in ["limit[0].rate", "limit[1].per[0]", "limit[1].burst"] {
        assert!(fields.contains(&&json!(field)), "{problem}");
    }
    assert_eq!(api.get("/v1/shop/policy").await?.header("tollgate-policy-version"), "1");
    Ok(())
}

/// Limits are shown as they are written, their defaults filled in, with what they come to.
#[tokio::test]
async fn limits_are_listed_with_their_defaults() -> Result<()> {
    let api = Api::embedded(TEN_EACH).await?;
    let limits = api.get("/v1/shop/limits").await?.expect(200);
    let terms = json!({"refill": 1, "credit": 3_600_000_000_u64, "capacity": 36_000_000_000_u64});
    let expected = json!({"name": "org", "names": [], "per": ["org"], "rate": "1/1h", "burst": 10, "mode": "enforce",
        "max_keys": 1_000_000, "terms": terms});
    assert_eq!(limits, json!({"limits": [expected]}));
    Ok(())
}

/// A comma may be part of an entity tag. Bug: such a tag was taken for two, neither of which could be read.
#[tokio::test]
async fn a_tag_with_a_comma_is_another_version_and_no_mistake() -> Result<()> {
    let api = Api::embedded(TEN_EACH).await?;
    api.put_policy("\"1,a\"", TEN_EACH).await?.expect_problem(412, "policy-changed", "if-match");
    let tag = api.get("/v1/shop/policy").await?.header("etag").to_owned();
    api.put_policy(&format!("\"1,a\",{tag}"), TEN_EACH).await?.expect(200);
    Ok(())
}
