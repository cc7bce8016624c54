//! Overrides one at a time: set, read and removed, while others change other things.

use anyhow::{Context, Result};
use reqwest::Method;
use serde_json::{Value, json};
use tollgate_testkit::{RedisServer, eventually};

use super::client::{Answer, Api, PATIENCE, TEN_EACH, call_of};

fn path(key: &str) -> String {
    format!("/v1/shop/limits/org/overrides/{key}")
}

async fn put(api: &Api, key: &str, own: &Value) -> Result<Answer> {
    Answer::of(api.request(Method::PUT, &path(key)).json(own)).await
}

/// An override is the next version of the policy: it binds at once, changes nothing else, and can be taken back.
#[tokio::test]
async fn an_override_binds_until_it_is_removed() -> Result<()> {
    let api = Api::embedded(TEN_EACH).await?;
    api.get(&path("acme")).await?.expect_problem(404, "unknown-override", "key");
    api.acquire(&call_of("acme", 10)).await?.expect(200);
    let set = put(&api, "acme", &json!({"burst": 12})).await?;
    let expected = json!({"limit": "org", "key": "acme", "override": {"burst": 12}});
    assert_eq!(set.expect(200), expected);
    assert_eq!(
        (set.header("tollgate-policy-version"), set.header("tollgate-reason")),
        ("2", "override of acme at limit org")
    );
    let read = api.get(&path("acme")).await?;
    assert_eq!((read.expect(200), read.header("etag")), (expected, set.header("etag")));
    api.acquire(&call_of("acme", 2)).await?.expect(200);
    assert_eq!(api.remaining("org", "globex").await?, 10);

    let removed = Answer::of(api.request(Method::DELETE, &path("acme"))).await?;
    assert_eq!((removed.status, removed.text.as_str()), (204, ""));
    assert_eq!(removed.header("tollgate-policy-version"), "3");
    api.acquire(&call_of("acme", 1)).await?.expect(429);
    let again = Answer::of(api.request(Method::DELETE, &path("acme"))).await?;
    again.expect_problem(404, "unknown-override", "key");
    Ok(())
}

/// A weight is a part of what is said of an organisation; what is put takes the place of all that was.
#[tokio::test]
async fn a_weight_is_set_beside_an_override_or_alone() -> Result<()> {
    let api = Api::embedded(TEN_EACH).await?;
    let both = put(&api, "acme", &json!({"burst": 12, "weight": 3})).await?.expect(200);
    assert_eq!(both, json!({"limit": "org", "key": "acme", "override": {"burst": 12}, "weight": 3}));
    let alone = put(&api, "acme", &json!({"weight": 5})).await?.expect(200);
    assert_eq!(alone, json!({"limit": "org", "key": "acme", "weight": 5}));
    assert_eq!(api.get(&path("acme")).await?.expect(200), alone);
    let policy = api.get("/v1/shop/policy").await?.expect(200);
    assert_eq!(
        (&policy["limit"][0]["weight"], &policy["limit"][0]["override"]),
        (&json!({"acme": 5}), &Value::Null)
    );
    put(&api, "acme", &json!({"weight": 0})).await?.expect_problem(422, "invalid-policy", "weight");
    assert_eq!(Answer::of(api.request(Method::DELETE, &path("acme"))).await?.status, 204);
    api.get(&path("acme")).await?.expect_problem(404, "unknown-override", "key");
    Ok(())
}

/// An end that is past by the store's clock is a slip or comes too late: it is told by its field and takes nothing away
/// from what the key has. Once the override was left out of the next version, and what the key had was gone.
#[tokio::test]
async fn an_end_that_is_past_takes_nothing_away() -> Result<()> {
    let api = Api::embedded(TEN_EACH).await?;
    put(&api, "acme", &json!({"burst": 12, "weight": 2})).await?.expect(200);
    let before = api.get("/v1/shop/policy").await?;
    for end in ["2020-01-31T00:00:00Z", "1969-12-31T23:00:00Z"] {
        let own = json!({"burst": 13, "weight": 3, "expires_at": end});
        for path in [path("acme"), path("acme") + "?dry_run=true"] {
            let refused = Answer::of(api.request(Method::PUT, &path).json(&own)).await?;
            refused.expect_problem(422, "invalid-value", "expires_at");
            assert!(refused.text.contains("store's clock"), "{refused:?}");
        }
    }
    let after = api.get("/v1/shop/policy").await?;
    assert_eq!((after.header("etag"), after.expect(200)), (before.header("etag"), before.expect(200)));
    let own = json!({"burst": 13, "expires_at": "2099-01-31T00:00:00Z"});
    assert_eq!(put(&api, "acme", &own).await?.expect(200)["override"], own);
    Ok(())
}

/// What can't be is told by the fields of the request, and changes nothing.
#[tokio::test]
async fn what_can_not_be_an_override_is_told_by_its_field() -> Result<()> {
    let api = Api::embedded(TEN_EACH).await?;
    for (own, field) in [
        (json!({"rate": "much"}), "rate"),
        (json!({"burst": 0}), "burst"),
        (json!({"rate": "1/s", "quota": "1/s"}), "key"),
        (json!({}), "key"),
        (json!({"burst": 1, "expires_at": "tomorrow"}), "expires_at"),
    ] {
        put(&api, "acme", &own).await?.expect_problem(422, "invalid-policy", field);
    }
    put(&api, "acme", &json!({"rates": "1/s"})).await?.expect_problem(400, "malformed", "rates");
    put(&api, "acme", &json!({"burst": "1"})).await?.expect_problem(400, "malformed", "burst");
    for field in ["concurrent", "weight"] {
        let huge = put(&api, "acme", &json!({field: 5_000_000_000_u64})).await?;
        huge.expect_problem(400, "malformed", field);
        assert!(huge.text.contains("expected a whole number, 1 to 1000"), "{huge:?}");
    }
    put(&api, "a%00b", &json!({"burst": 1})).await?.expect_problem(422, "invalid-policy", "key");
    for method in [Method::GET, Method::PUT, Method::DELETE] {
        let request = api.request(method, "/v1/shop/limits/nothing/overrides/acme");
        let answer = Answer::of(request.json(&json!({"burst": 1}))).await?;
        answer.expect_problem(404, "unknown-limit", "limit");
    }
    let request = api.request(Method::PUT, &path("acme")).json(&json!({"burst": 1}));
    let answer = Answer::of(request.header("if-match", "\"1-0000000000000000\"")).await?;
    answer.expect_problem(412, "policy-changed", "if-match");
    assert_eq!(api.get("/v1/shop/policy").await?.header("tollgate-policy-version"), "1");
    Ok(())
}

/// Goal: no change is lost. Method: four operators at two replicas set overrides of keys of their own at the same time,
/// none of them with a condition; all are there, each in a version of its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn overrides_of_several_operators_are_all_there() -> Result<()> {
    const EACH: usize = 10;
    let server = RedisServer::start()?;
    let (first, second) = (Api::with_ten(&server.url()).await?, Api::joining(&server.url()).await?);
    let operate = async |api: &Api, name: &str| -> Result<()> {
        for number in 0..EACH {
            // Where all tries were overtaken it says so, and the operator tries again.
            let set = async || match put(api, &format!("{name}-{number}"), &json!({"burst": 11})).await {
                Ok(answer) if answer.status == 200 => Ok(()),
                Ok(answer) if answer.text.contains("policy-unsettled") => Err(format!("{answer:?}")),
                other => panic!("{other:?}"),
            };
            eventually("an override", PATIENCE, set).await?;
        }
        Ok(())
    };
    let (one, two, three, four) = tokio::join!(
        operate(&first, "one"),
        operate(&first, "two"),
        operate(&second, "three"),
        operate(&second, "four")
    );
    one.and(two).and(three).and(four)?;
    let policy = first.get("/v1/shop/policy").await?;
    assert_eq!(policy.header("tollgate-policy-version"), (1 + 4 * EACH).to_string());
    let overrides = policy.expect(200)["limit"][0]["override"].as_object().context("overrides")?.len();
    assert_eq!(overrides, 4 * EACH);
    Ok(())
}
