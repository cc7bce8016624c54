//! What the provider answers: told to one replica, it holds for all.

use anyhow::{Context, Result};
use serde_json::{Value, json};
use tollgate_testkit::{RedisServer, Replica};

use super::client::{Answer, Api, TEN_EACH, call_of, with};

/// As Genesys Cloud names its limits, with one for each client and one for each organisation.
pub(crate) const GENESYS: &str = r#"
    namespace = "shop"
    provider  = "genesys-cloud"
    [[limit]]
    name  = "token"
    names = ["platform.api/token.rate.per.minute"]
    per   = ["client"]
    rate  = "1000/s"
    burst = 100
    [[limit]]
    name  = "org"
    per   = ["org", "client"]
    rate  = "10/s"
    burst = 10
"#;

const HOUR_MS: u64 = 3_600_000;

impl Api {
    pub(crate) async fn observe(&self, told: &Value) -> Result<Answer> {
        self.post("/v1/shop/observe", told).await
    }
}

async fn genesys(server: &RedisServer) -> Result<Api> {
    let replica = Replica::builder().store(server.url()).policy(GENESYS);
    Api::start(replica.argument("--begin").argument("full")).await
}

pub(crate) fn call(path: &str, org: &str) -> Value {
    json!({"method": "GET", "path": path, "org": org, "client": "app"})
}

/// A call with nothing but itself, as acquire takes it.
fn asked(path: &str, org: &str) -> Value {
    json!({"call": call(path, org)})
}

/// The provider refuses this call, and says for how many seconds.
pub(crate) fn refused(call: &Value, retry_after: &str) -> Value {
    json!({"call": call, "status": 429, "headers": {"Retry-After": retry_after}})
}

/// The provider's own words, which hold the seconds where the header is missing.
pub(crate) fn genesys_body(limit: &Value) -> Value {
    json!({"message": "Rate limit exceeded the maximum. Retry the request in [42] seconds",
        "code": "too.many.requests.retry.after", "status": 429, "contextId": "c-1", "details": [], "errors": [], "limit": limit})
}

pub(crate) async fn permit(api: &Api, asked: &Value) -> Result<String> {
    let granted = api.acquire(asked).await?.expect(200);
    Ok(granted["permit"].as_str().context("a permit")?.to_owned())
}

/// The first bucket of a key.
async fn bucket(api: &Api, limit: &str, key: &str) -> Result<Value> {
    let page = api.get(&format!("/v1/shop/buckets?limit={limit}&key={key}")).await?.expect(200);
    Ok(page["buckets"][0].clone())
}

/// The answer is exactly the one of the contract; the next call at the other replica is refused for as long as the
/// provider wants, other keys go on, and the buckets say why.
#[tokio::test]
async fn a_refusal_told_to_one_replica_binds_the_other_at_once() -> Result<()> {
    let server = RedisServer::start()?;
    let (one, other) = (genesys(&server).await?, Api::joining(&server.url()).await?);
    let id = permit(&one, &asked("/users", "acme")).await?;
    let told = json!({"permit": id, "status": 429, "headers": {"retry-after": "42"}});
    let observed = one.observe(&told).await?.expect(200);
    let paused = json!({
        "name": "org", "key": "acme/app", "pause_ms": 42_000, "pace_percent": 91, "news": true, "cut": true
    });
    assert_eq!(
        observed,
        json!({"throttled": true, "wait_ms": 42_000, "wait_source": "told", "paused": paused, "quotas": []})
    );

    let answer = other.acquire(&asked("/users", "acme")).await?;
    let body = answer.expect(429);
    assert_eq!(body["limited_by"]["name"], "org", "{body}");
    let retry_after_ms = body["retry_after_ms"].as_u64().context("a time")?;
    assert!((12_000..=42_200).contains(&retry_after_ms), "{body}");
    assert_eq!(answer.header("retry-after"), retry_after_ms.div_ceil(1_000).to_string());
    other.acquire(&asked("/users", "globex")).await?.expect(200);

    let held = bucket(&other, "org", "acme%2Fapp").await?;
    assert!(held["paused_for_ms"].as_u64().is_some_and(|ms| (1..=42_000).contains(&ms)), "{held}");
    assert_eq!((&held["remaining"], &held["pace_percent"]), (&json!(0), &json!(91)), "{held}");
    let page = other.get("/v1/shop/buckets?limit=org").await?.expect(200);
    let keys = page["buckets"].as_array().context("a list")?;
    for listed in keys {
        let is_held = listed["key"] == "acme/app";
        assert_eq!(listed.get("paused_for_ms").is_some(), is_held, "{listed}");
        assert_eq!(listed.get("pace_percent").is_some(), is_held, "{listed}");
    }
    assert_eq!(keys.len(), 2, "{page}");
    let listed = keys.iter().find(|listed| listed["key"] == "acme/app").context("it is in use")?;
    for one in [&held, listed] {
        // Empty until the pause ends, and full a second of its rate later.
        let of_time = |field: &str| one[field].as_u64().context("a time");
        let full_after_ms = of_time("reset_after_ms")? - of_time("paused_for_ms")?;
        assert!((999..=1_112).contains(&full_after_ms) && one["remaining"] == 0, "{one}");
    }
    Ok(())
}

/// Two calls were on their way when the first was refused: that the second was too tells nothing new, and cuts nothing.
#[tokio::test]
async fn a_refusal_that_was_on_its_way_is_no_news() -> Result<()> {
    let api = Api::embedded(GENESYS).await?;
    let permits =
        [permit(&api, &asked("/users", "acme")).await?, permit(&api, &asked("/users", "acme")).await?];
    let mut told = Vec::new();
    for id in permits {
        let refusal = json!({"permit": id, "status": 429, "headers": {"retry-after": "42"}});
        let observed = api.observe(&refusal).await?.expect(200);
        told.push((observed["paused"]["news"].clone(), observed["paused"]["cut"].clone()));
    }
    assert_eq!(told, [(json!(true), json!(true)), (json!(false), json!(false))]);
    Ok(())
}

/// The limit that the provider names is the one, also where a narrower one is on the path. The seconds stand in the
/// message alone, and the body may come as JSON or as the text that it was.
#[tokio::test]
async fn a_body_names_the_limit_and_tells_the_wait() -> Result<()> {
    let body =
        genesys_body(&json!({"key": "token.rate.per.minute", "namespace": "platform.api", "value": 300}));
    for body in [body.clone(), Value::from(body.to_string())] {
        let api = Api::embedded(GENESYS).await?;
        let told = json!({"call": call("/users", "acme"), "status": 429, "body": body});
        let observed = api.observe(&told).await?.expect(200);
        assert_eq!((&observed["wait_ms"], &observed["wait_source"]), (&json!(42_000), &json!("told")));
        let named = json!({"name": "platform.api/token.rate.per.minute", "value": 300});
        assert_eq!((&observed["provider_limit"], &observed["paused"]["name"]), (&named, &json!("token")));
        // Of the same client, and so of the same token.
        let refused = api.acquire(&asked("/orders", "globex")).await?.expect(429);
        assert_eq!(refused["limited_by"]["key"], "app", "{refused}");
    }
    Ok(())
}

/// Where the provider does not say for how long, the adapter does.
#[tokio::test]
async fn a_refusal_without_a_time_waits_as_the_adapter_says() -> Result<()> {
    let api = Api::embedded(GENESYS).await?;
    let told = json!({"call": call("/users", "acme"), "status": 429, "body": "<h1>Too many</h1>"});
    let observed = api.observe(&told).await?.expect(200);
    assert_eq!((&observed["wait_ms"], &observed["wait_source"]), (&json!(3_000), &json!("default")));
    assert_eq!(observed["paused"]["pause_ms"], 3_000);
    Ok(())
}

/// A limit that nobody has written is in the policy once the provider has named it, for all replicas, and holds for its
/// own family of paths.
#[tokio::test]
async fn an_unknown_limit_that_the_provider_names_is_learned() -> Result<()> {
    let server = RedisServer::start()?;
    let (one, other) = (genesys(&server).await?, Api::joining(&server.url()).await?);
    let id = permit(&one, &asked("/api/v2/quality/forms", "acme")).await?;
    let body = genesys_body(&json!({"key": "forms.rate.per.minute", "namespace": "quality", "value": 60}));
    let told =
        json!({"permit": id, "call": call("/api/v2/quality/forms", "acme"), "status": 429, "body": body});
    let observed = one.observe(&told).await?.expect(200);
    let name = "learned-quality-forms.rate.per.minute";
    assert_eq!((&observed["paused"]["name"], &observed["paused"]["key"]), (&json!(name), &json!("acme/app")));

    let limits = other.get("/v1/shop/limits").await?.expect(200);
    let policy = other.get("/v1/shop/policy").await?;
    assert_eq!(policy.header("tollgate-author"), "tollgate");
    for (list, learned) in [("limits", &limits["limits"][2]), ("limit", &policy.expect(200)["limit"][2])] {
        assert_eq!(
            (&learned["name"], &learned["learned"]),
            (&json!(name), &json!(true)),
            "{list}: {learned}"
        );
        assert_eq!(learned["names"], json!(["quality/forms.rate.per.minute"]), "{learned}");
        assert_eq!((&learned["quota"], &learned["per"]), (&json!("60/1m"), &json!(["org", "client"])));
    }
    assert_eq!(limits["limits"][0].get("learned"), None, "{limits}");

    let refused = other.acquire(&asked("/api/v2/quality/evaluations", "acme")).await?.expect(429);
    assert_eq!(refused["limited_by"]["name"], name, "{refused}");
    for (path, org) in [("/api/v2/users", "acme"), ("/api/v2/quality/forms", "globex")] {
        other.acquire(&asked(path, org)).await?.expect(200);
    }
    Ok(())
}

/// Without the call nobody knows for which calls an unknown limit holds: what explains the refusal best is paused.
#[tokio::test]
async fn without_the_call_nothing_is_learned() -> Result<()> {
    let api = Api::embedded(GENESYS).await?;
    let id = permit(&api, &asked("/users", "acme")).await?;
    let body = genesys_body(&json!({"key": "forms.rate.per.minute", "namespace": "quality", "value": 60}));
    let observed = api.observe(&json!({"permit": id, "status": 429, "body": body})).await?.expect(200);
    assert_eq!(observed["paused"]["name"], "org", "{observed}");
    assert_eq!(observed["provider_limit"]["name"], "quality/forms.rate.per.minute", "{observed}");
    assert_eq!(api.get("/v1/shop/limits").await?.expect(200)["limits"].as_array().map(Vec::len), Some(2));
    Ok(())
}

/// An observation is no settlement: the permit is as good as before, at the other replica too.
#[tokio::test]
async fn an_observed_permit_can_still_be_settled() -> Result<()> {
    let server = RedisServer::start()?;
    let (one, other) = (Api::with_ten(&server.url()).await?, Api::joining(&server.url()).await?);
    let granted = one.acquire(&call_of("acme", 5)).await?.expect(200);
    let id = granted["permit"].as_str().context("a permit")?;
    for api in [&one, &other] {
        let told = json!({"permit": id, "status": 200, "headers": {"content-type": "text/html"}});
        assert_eq!(api.observe(&told).await?.expect(200), json!({"throttled": false, "quotas": []}));
    }
    let settle = format!("/v1/shop/permits/{id}/settle");
    other.post(&settle, &json!({"cost": 2})).await?.expect(204);
    assert_eq!(one.remaining("org", "acme").await?, 8);
    // Who settles first and tells then is heard as well.
    let told = json!({"permit": id, "status": 429, "headers": {"retry-after": "60"}});
    assert_eq!(one.observe(&told).await?.expect(200)["paused"]["pause_ms"], 60_000);
    other.post(&settle, &json!({"cost": 2})).await?.expect_problem(409, "settled-before", "");
    Ok(())
}

/// Observed, a call is as much in flight as before: neither over, nor for longer.
#[tokio::test]
async fn an_observed_call_is_still_in_flight() -> Result<()> {
    let policy =
        "namespace = 'shop'\n[[limit]]\nname = 'orders'\nper = ['org']\nconcurrent = 1\nlease = '1s'";
    let api = Api::embedded(policy).await?;
    let id = permit(&api, &call_of("acme", 1)).await?;
    let told = json!({"permit": id, "status": 200});
    api.observe(&told).await?.expect(200);
    let refused = api.acquire(&call_of("acme", 1)).await?.expect(429);
    assert_eq!(refused["limited_by"]["measure"], "in_flight");
    // It is never renewed, so that its place is free in the end, however often it is observed.
    loop {
        api.observe(&told).await?.expect(200);
        let answer = api.acquire(&with(call_of("acme", 1), "max_wait", "200ms")).await?;
        if answer.status == 200 {
            break;
        }
        answer.expect(429);
    }
    Ok(())
}

/// Method: the store is gone. Who has nothing to tell does not miss it.
#[tokio::test]
async fn an_answer_that_says_nothing_of_limits_costs_no_store_call() -> Result<()> {
    let mut server = RedisServer::start()?;
    let api = genesys(&server).await?;
    let id = permit(&api, &asked("/users", "acme")).await?;
    server.kill()?;
    for told in [
        json!({"permit": id, "status": 200, "headers": {"x-ratelimit-remaining": "0"}, "body": {"total": 1}}),
        json!({"permit": id, "call": call("/users", "acme"), "status": 500, "body": null}),
        json!({"call": call("/users", "acme"), "status": 204}),
    ] {
        assert_eq!(api.observe(&told).await?.expect(200), json!({"throttled": false, "quotas": []}));
    }
    let answer = api.observe(&refused(&call("/users", "acme"), "42")).await?;
    assert_eq!(answer.expect(503)["status"], 503);
    assert_eq!(answer.header("retry-after"), "1");
    Ok(())
}

/// What the provider tells of its quotas and of the call's cost is passed on, a fraction of a millisecond rounded up.
#[tokio::test]
async fn quotas_and_costs_are_told() -> Result<()> {
    let policy = format!(
        "provider = 'own'\n{TEN_EACH}\n[adapter]\nextends = 'generic'\ncost = {{ header = 'x-cost' }}\n\
         wait = [{{ header = 'x-wait', as = 'milliseconds' }}]"
    );
    let api = Api::embedded(&policy).await?;
    let told = json!({"call": call("/orders", "acme"), "status": 429, "headers": {"x-wait": "1500.25", "X-Cost": ["x", "2.5"],
        "ratelimit-policy": "\"day\";q=100;w=60", "ratelimit": "\"day\";r=7;t=30"}});
    let observed = api.observe(&told).await?.expect(200);
    assert_eq!((&observed["wait_ms"], &observed["cost"]), (&json!(1_501), &json!(3)), "{observed}");
    let quota =
        json!({"name": "day", "limit": 100, "remaining": 7, "resets_in_ms": 30_000, "window_ms": 60_000});
    assert_eq!(observed["quotas"], json!([quota]));
    Ok(())
}

/// A pause of hours is told in whole seconds, and whoever can't wait for so long is refused at once: an answer that
/// came at the end of `max_wait` would come too late for this client.
#[tokio::test]
async fn a_long_pause_is_told_at_once_and_in_whole_seconds() -> Result<()> {
    let days_ms = 31 * 24 * HOUR_MS;
    for (retry_after, pause_ms) in [("7200", 2 * HOUR_MS), ("99999999999999999999", days_ms)] {
        let api = Api::embedded(GENESYS).await?;
        // More than half is spent: that explains it.
        for _ in 0..6 {
            api.acquire(&asked("/users", "acme")).await?.expect(200);
        }
        let observed = api.observe(&refused(&call("/users", "acme"), retry_after)).await?.expect(200);
        assert_eq!(observed["paused"]["pause_ms"], pause_ms, "{observed}");
        for max_wait in ["0ms", "50m"] {
            let answer = api.acquire(&with(asked("/users", "acme"), "max_wait", max_wait)).await?;
            let retry_after_ms = answer.expect(429)["retry_after_ms"].as_u64().context("a time")?;
            assert!((pause_ms - 60_000..=pause_ms + 200).contains(&retry_after_ms), "{answer:?}");
            let seconds = retry_after_ms.div_ceil(1_000);
            assert_eq!(answer.header("retry-after"), seconds.to_string());
            let field = answer.header("ratelimit");
            assert!(field.starts_with(&format!("\"org\";r=0;t={seconds};pk=")), "{field}");
            assert!(answer.header("ratelimit-policy").starts_with("\"org\";q=10;w=1;pk="), "{answer:?}");
        }
    }
    Ok(())
}

/// Nobody knows when a call in flight will be over, but when a pause will be is known.
#[tokio::test]
async fn a_paused_limit_on_calls_in_flight_refuses_at_once() -> Result<()> {
    let policy = "namespace = 'shop'\n[[limit]]\nname = 'orders'\nper = ['org']\nconcurrent = 2";
    let api = Api::embedded(policy).await?;
    api.acquire(&call_of("acme", 1)).await?.expect(200);
    let observed = api.observe(&refused(&call("/orders", "acme"), "7200")).await?.expect(200);
    assert_eq!((&observed["paused"]["name"], &observed["paused"]["cut"]), (&json!("orders"), &json!(false)));
    for query in ["limit=orders&key=acme", "limit=orders"] {
        let page = api.get(&format!("/v1/shop/buckets?{query}")).await?.expect(200);
        let held = &page["buckets"][0];
        let reset_after_ms = held["reset_after_ms"].as_u64().context("a time")?;
        assert!(held["remaining"] == 0 && reset_after_ms > HOUR_MS, "{query}: {held}");
    }
    for max_wait in ["0ms", "50m"] {
        let answer = api.acquire(&with(call_of("acme", 1), "max_wait", max_wait)).await?;
        let retry_after_ms = answer.expect(429)["retry_after_ms"].as_u64().context("a time")?;
        // Then it looks again.
        assert!((2 * HOUR_MS - 60_000..=2 * HOUR_MS + 250).contains(&retry_after_ms), "{answer:?}");
    }
    Ok(())
}
