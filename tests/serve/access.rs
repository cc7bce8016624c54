//! Keys at work: what is refused tells nothing, what is revoked or expired opens nothing, and who has changed something
//! is told.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use reqwest::Method;
use reqwest::header::AUTHORIZATION;
use serde_json::{Value, json};
use tollgate_testkit::{RedisServer, Replica, eventually};

use super::client::{Answer, Api, PATIENCE, PLENTY, TEN_EACH, call_of, log_with};
use super::roles::STRANGE;

const KEYS: &str = "/v1/shop/keys";

/// An answer without what differs from one to the next by itself.
fn bytes_of(answer: &Answer) -> (u16, BTreeSet<String>, String) {
    let fields = answer.headers.iter().filter(|(name, _)| *name != "date");
    (answer.status, fields.map(|(name, value)| format!("{name}: {value:?}")).collect(), answer.text.clone())
}

/// Without a good key every answer is the same, to the byte: whatever is wrong with the key, and whether there is
/// anything.
#[tokio::test]
async fn who_has_no_key_is_told_nothing() -> Result<()> {
    let replica = Replica::builder().policy(TEN_EACH).argument("--max-bad-logins").argument("1000000");
    let api = Api::start(replica).await?.keyed("shop").await?;
    let permit = api.acquire(&call_of("acme", 1)).await?.expect(200);
    let permit = permit["permit"].as_str().context("a permit")?.to_owned();
    let (id, revoked) = api.make_key("viewer", "gone").await?;
    let known = api.make_key("viewer", "there").await?.1;
    Answer::of(api.request(Method::DELETE, &format!("{KEYS}/{id}"))).await?.expect(204);
    let half = &known[..known.len() - 1];
    let wrong = format!("{half}{}", if known.ends_with('0') { '1' } else { '0' });
    let fields = [
        String::new(),
        "Bearer".to_owned(),
        "Bearer ".to_owned(),
        "Bearer \u{e4}".to_owned(),
        format!("Bearer {STRANGE}"),
        format!("Bearer {revoked}"),
        format!("Bearer {wrong}"),
        format!("Bearer {half}"),
        format!("Bearer {known} {known}"),
        format!("Basic {known}"),
        known.clone(),
    ];
    let paths = [
        (Method::GET, "/v1/shop/policy".to_owned()),
        (Method::GET, "/v1/other/policy".to_owned()),
        (Method::GET, "/v1/shop/policy/versions/1".to_owned()),
        (Method::GET, "/v1/shop/policy/versions/9".to_owned()),
        (Method::GET, "/v1/shop/nothing".to_owned()),
        (Method::GET, "/v1".to_owned()),
        (Method::GET, "/v1/".to_owned()),
        (Method::GET, "/v1/%ff/policy".to_owned()),
        (Method::GET, "/v1/shop/limits?wrong".to_owned()),
        (Method::PATCH, "/v1/shop/policy".to_owned()),
        (Method::OPTIONS, "/v1/shop/acquire".to_owned()),
        (Method::DELETE, format!("/v1/shop/permits/{permit}")),
        (Method::DELETE, "/v1/shop/permits/x".to_owned()),
        (Method::DELETE, format!("{KEYS}/{id}")),
        (Method::POST, "/v1/shop/acquire".to_owned()),
    ];
    let first = api.shown(Method::GET, "/v1/shop/policy", None).await?;
    first.expect_problem(401, "unauthorized", "");
    assert_eq!(first.header("www-authenticate"), "Bearer realm=\"tollgate\"");
    for (method, path) in &paths {
        for field in &fields {
            let request = api.bare(method.clone(), path);
            let request =
                if field.is_empty() { request } else { request.header(AUTHORIZATION, field.as_bytes()) };
            let answer = Answer::of(request).await?;
            assert_eq!(bytes_of(&answer), bytes_of(&first), "{method} {path} with {field:?}");
        }
        // Two of them are none.
        let twice = api.request(method.clone(), path).header(AUTHORIZATION, format!("Bearer {known}"));
        assert_eq!(bytes_of(&Answer::of(twice).await?), bytes_of(&first), "{method} {path} twice");
    }
    // Nothing of it was carried out.
    Answer::of(api.request(Method::DELETE, &format!("/v1/shop/permits/{permit}"))).await?.expect(204);
    for path in ["/healthz", "/readyz", "/openapi.json", "/docs"] {
        assert_eq!(api.shown(Method::GET, path, None).await?.status, 200, "{path}");
    }
    api.shown(Method::GET, "/nothing", None).await?.expect_problem(404, "unknown-route", "");
    Ok(())
}

/// A key made or revoked at one replica is so at another within seconds, at its own at once; so is the end of the last
/// one, which opens nothing to anybody, also not at a replica that starts then.
#[tokio::test]
async fn a_key_holds_at_every_replica_and_its_end_too() -> Result<()> {
    let server = RedisServer::start()?;
    let here = Api::with_ten(&server.url()).await?;
    let joining = Replica::builder().store(server.url()).namespace("shop");
    // It is asked again and again, with a key that it does not know yet.
    let there = Api::start(joining.argument("--max-bad-logins").argument("1000000")).await?;
    there.get("/v1/shop/policy").await?.expect(200);
    let here = here.keyed("shop").await?;
    here.get("/v1/shop/policy").await?.expect(200);
    here.shown(Method::GET, "/v1/shop/policy", None).await?.expect(401);
    let status = async |key: Option<&str>, expected: u16| -> Result<()> {
        eventually("the other replica", PATIENCE, async || {
            let answer =
                there.shown(Method::GET, "/v1/shop/policy", key).await.map_err(|error| error.to_string())?;
            if answer.status == expected { Ok(()) } else { Err(format!("{answer:?}")) }
        })
        .await
    };
    status(None, 401).await?;
    let (id, key) = here.make_key("viewer", "dashboard").await?;
    here.shown(Method::GET, KEYS, Some(&key)).await?.expect(200);
    status(Some(&key), 200).await?;

    // Who follows the trail is let go too.
    let followed = there.bare(Method::GET, "/v1/shop/audit/stream").bearer_auth(&key).send().await?;
    assert_eq!(followed.status(), 200);
    Answer::of(here.request(Method::DELETE, &format!("{KEYS}/{id}"))).await?.expect(204);
    here.shown(Method::GET, KEYS, Some(&key)).await?.expect(401);
    status(Some(&key), 401).await?;
    tokio::time::timeout(PATIENCE, followed.text()).await.context("the stream goes on")??;

    let again = Answer::of(here.request(Method::DELETE, &format!("{KEYS}/{id}"))).await?;
    again.expect_problem(404, "unknown-key", "id");
    let own = here.get(KEYS).await?.expect(200)["keys"][0]["id"].as_str().context("an id")?.to_owned();
    Answer::of(here.request(Method::DELETE, &format!("{KEYS}/{own}"))).await?.expect(204);
    here.get(KEYS).await?.expect(401);
    here.shown(Method::GET, KEYS, None).await?.expect(401);
    status(None, 401).await?;
    let late = Api::joining(&server.url()).await?;
    late.get("/v1/shop/policy").await?.expect_problem(401, "unauthorized", "");
    log_with(&late.replica, "all API keys of the namespace are revoked", 1).await?;
    Ok(())
}

/// A key is good until its end, by the store's clock, and is listed as it was; one that would end before it began is
/// not made.
#[tokio::test]
async fn a_key_is_good_until_its_end() -> Result<()> {
    let api = Api::embedded(TEN_EACH).await?.keyed("shop").await?;
    let end = jiff::Timestamp::now() + jiff::SignedDuration::from_millis(1_500);
    let wanted = json!({"role": "viewer", "label": "guest", "expires_at": end.to_string()});
    let made = api.post(KEYS, &wanted).await?.expect(201);
    let key = made["key"].as_str().context("a key")?;
    let told: jiff::Timestamp = made["expires_at"].as_str().context("an end")?.parse()?;
    assert_eq!(told.as_microsecond(), end.as_microsecond());
    let status = async || Ok::<_, anyhow::Error>(api.shown(Method::GET, KEYS, Some(key)).await?.status);
    assert_eq!(status().await?, 200);
    eventually("the end of the key", PATIENCE, async || match status().await {
        Ok(401) => Ok(()),
        other => Err(format!("{other:?}")),
    })
    .await?;
    assert!(jiff::Timestamp::now() >= end, "it was refused too early");
    let (ended, none) =
        (api.shown(Method::GET, KEYS, Some(key)).await?, api.shown(Method::GET, KEYS, None).await?);
    assert_eq!(bytes_of(&ended), bytes_of(&none));
    assert_eq!(api.get(KEYS).await?.expect(200)["keys"][1]["label"], "guest");
    api.post(KEYS, &wanted).await?.expect_problem(422, "invalid-value", "expires_at");
    Ok(())
}

/// What can't be made is told by its field: the first key has to be an admin's.
#[tokio::test]
async fn what_is_no_key_is_told_by_its_field() -> Result<()> {
    let api = Api::embedded(TEN_EACH).await?;
    log_with(&api.replica, "no API key: whoever is on this machine may do everything", 1).await?;
    let first = json!({"role": "viewer", "label": "x"});
    api.post(KEYS, &first).await?.expect_problem(422, "invalid-value", "role");
    let api = api.keyed("shop").await?;
    for (wanted, status, kind, field) in [
        (json!({"role": "root", "label": "x"}), 422, "invalid-value", "role"),
        (json!({"role": "viewer", "label": ""}), 422, "invalid-value", "label"),
        (json!({"role": "viewer", "label": "x".repeat(65)}), 422, "invalid-value", "label"),
        (json!({"role": "viewer", "label": "a\nb"}), 422, "invalid-value", "label"),
        (json!({"role": "viewer", "label": "a\u{202e}b"}), 422, "invalid-value", "label"),
        (json!({"role": "viewer", "label": "a\u{2066}b"}), 422, "invalid-value", "label"),
        (json!({"role": "viewer", "label": "a\u{200f}b"}), 422, "invalid-value", "label"),
        (json!({"role": "viewer", "label": "a\u{2028}b"}), 422, "invalid-value", "label"),
        (json!({"role": "viewer", "label": "ann (key 0123456789abcdef)"}), 422, "invalid-value", "label"),
        (
            json!({"role": "viewer", "label": "x", "expires_at": "tomorrow"}),
            422,
            "invalid-value",
            "expires_at",
        ),
        (
            json!({"role": "viewer", "label": "x", "expires_at": "1970-01-01T00:00:00Z"}),
            422,
            "invalid-value",
            "expires_at",
        ),
        (
            json!({"role": "viewer", "label": "x", "expires_at": "2256-01-01T00:00:00Z"}),
            422,
            "invalid-value",
            "expires_at",
        ),
        (json!({"role": "viewer"}), 400, "malformed", "label"),
        (json!({"role": "viewer", "label": "x", "secret": "y"}), 400, "malformed", "secret"),
    ] {
        api.post(KEYS, &wanted).await?.expect_problem(status, kind, field);
    }
    assert_eq!(api.get(KEYS).await?.expect(200)["keys"].as_array().map(Vec::len), Some(1));
    Ok(())
}

/// Goal: the secret of a key is in one answer and nowhere else; what was done with it is told by whose it is. Method:
/// all that a replica logs and tells, while a key is made, used, used wrongly and revoked.
#[tokio::test]
async fn a_secret_is_told_once_and_an_actor_is_told_by_his_key() -> Result<()> {
    let api = Api::start(Replica::builder().policy(TEN_EACH).env("TOLLGATE_LOG", "trace"))
        .await?
        .keyed("shop")
        .await?;
    let (id, key) = api.make_key("admin", "ann").await?;
    let api = api.with_key(&key);
    let put = api.request(Method::PUT, "/v1/shop/policy").header("if-match", "*");
    let put = put.header("tollgate-author", "mallory").header("tollgate-reason", "a higher tier");
    let put = put.header("content-type", "application/toml").body(PLENTY);
    let answer = Answer::of(put).await?;
    let author = format!("ann (key {id})");
    assert_eq!((answer.status, answer.header("tollgate-author")), (200, author.as_str()));
    let other = api.make_key("viewer", "dashboard").await?;
    let wrong = format!("{}-", &key[..key.len() - 1]);
    api.shown(Method::GET, KEYS, Some(&wrong)).await?.expect(401);
    Answer::of(api.request(Method::DELETE, &format!("{KEYS}/{}", other.0))).await?.expect(204);

    let trail = api.get("/v1/shop/audit").await?.expect(200);
    let entries = trail["entries"].as_array().context("entries")?;
    let told: Vec<(&str, &str)> = entries
        .iter()
        .map(|entry| {
            (entry["kind"].as_str().unwrap_or_default(), entry["author"].as_str().unwrap_or_default())
        })
        .collect();
    assert!(told.contains(&("policy", author.as_str())), "{told:?}");
    let keys: Vec<&Value> = entries.iter().filter(|entry| entry["kind"] == "key").collect();
    assert_eq!(keys.len(), 3, "{keys:?}");
    assert_eq!((&keys[2]["key_id"], &keys[2]["role"]), (&json!(other.0), &json!("viewer")));
    assert_eq!((&keys[2]["label"], &keys[2]["author"]), (&json!("dashboard"), &json!(author)));
    let revoked = entries.last().context("an entry")?;
    assert_eq!(
        (&revoked["kind"], &revoked["key_id"], &revoked["author"]),
        (&json!("revoked"), &json!(other.0), &json!(author))
    );

    let listed = api.get(KEYS).await?.text;
    let log = log_with(&api.replica, "/v1/{ns}/keys", 1).await?;
    for text in [trail.to_string(), listed, log] {
        for secret in [&key, &other.1, &wrong] {
            let (_, secret) = secret.rsplit_once('_').context("a secret")?;
            assert!(!text.contains(secret.trim_end_matches('-')), "a secret is in {text}");
        }
    }
    Ok(())
}

/// When a key was last used is shown soon after, and of one that never was nothing is.
#[tokio::test]
async fn the_last_use_of_a_key_is_shown() -> Result<()> {
    let server = RedisServer::start()?;
    let api = Api::with_ten(&server.url()).await?.keyed("shop").await?;
    let (used, key) = api.make_key("viewer", "used").await?;
    let (unused, _) = api.make_key("viewer", "unused").await?;
    let before = jiff::Timestamp::now();
    api.shown(Method::GET, "/v1/shop/policy", Some(&key)).await?.expect(200);
    let keys = eventually("the last use", PATIENCE, async || {
        let listed = api.get(KEYS).await.map_err(|error| error.to_string())?.expect(200);
        let keys = listed["keys"].as_array().cloned().unwrap_or_default();
        let is_told = keys.iter().any(|key| key["id"] == used && key["last_used_at"].is_string());
        if is_told { Ok(keys) } else { Err(format!("{keys:?}")) }
    })
    .await?;
    let at = keys.iter().find(|key| key["id"] == used).and_then(|key| key["last_used_at"].as_str());
    let at: jiff::Timestamp = at.context("a time")?.parse()?;
    assert!(at.duration_since(before).abs() < jiff::SignedDuration::from_secs(60), "{at}");
    let unused = keys.iter().find(|key| key["id"] == unused).context("the other key")?;
    assert!(unused.get("last_used_at").is_none(), "{unused}");
    Ok(())
}

/// Who tries one key after the other is told to wait, whatever he tries; good keys from the same address pass as ever,
/// and who shows none is no guesser.
#[tokio::test]
async fn who_guesses_is_told_to_wait() -> Result<()> {
    let replica = Replica::builder().policy(TEN_EACH).argument("--max-bad-logins").argument("3");
    let api = Api::start(replica).await?.keyed("shop").await?;
    for _ in 0..5 {
        api.shown(Method::GET, KEYS, None).await?.expect(401);
    }
    for _ in 0..3 {
        api.shown(Method::GET, KEYS, Some(STRANGE)).await?.expect_problem(401, "unauthorized", "");
    }
    for path in [KEYS, "/v1/nothing"] {
        let answer = api.shown(Method::GET, path, Some(STRANGE)).await?;
        answer.expect_problem(429, "too-many-bad-keys", "");
        let wait: u64 = answer.header("retry-after").parse()?;
        assert!((1..=60).contains(&wait), "{wait}");
    }
    api.get(KEYS).await?.expect(200);
    api.shown(Method::GET, KEYS, None).await?.expect(401);
    let log = log_with(&api.replica, "too many keys that open nothing", 1).await?;
    assert!(log.contains("127.0.0.1") && !log.contains(STRANGE), "{log}");
    Ok(())
}

/// Goal: keys are known without the store. Method: it stands still; who has a key is told of the store, and who has
/// none of the key.
#[tokio::test]
async fn keys_are_known_while_the_store_is_away() -> Result<()> {
    let server = RedisServer::start()?;
    let replica =
        Replica::builder().store(server.url()).policy(TEN_EACH).argument("--store-timeout").argument("200ms");
    let api = Api::start(replica).await?.keyed("shop").await?;
    let (_, acquire) = api.make_key("acquire", "worker").await?;
    server.stop()?;
    log_with(&api.replica, "the API keys can't be read", 1).await?;
    let request = api.bare(Method::POST, "/v1/shop/acquire").json(&call_of("acme", 1));
    Answer::of(request.bearer_auth(&acquire)).await?.expect_problem(503, "store-timeout", "");
    api.shown(Method::GET, "/v1/shop/policy", Some(&acquire)).await?.expect_problem(403, "forbidden", "");
    api.shown(Method::GET, "/v1/shop/policy", Some(STRANGE)).await?.expect_problem(401, "unauthorized", "");
    server.cont()?;
    Ok(())
}

/// Who follows the trail without a key, while nobody is asked for one, is let go when keys are.
#[tokio::test]
async fn who_follows_without_a_key_is_let_go_by_the_first_one() -> Result<()> {
    let api = Api::embedded(TEN_EACH).await?;
    let followed = api.bare(Method::GET, "/v1/shop/audit/stream").send().await?;
    assert_eq!(followed.status(), 200);
    let _api = api.keyed("shop").await?;
    tokio::time::timeout(PATIENCE, followed.text()).await.context("the stream goes on")??;
    Ok(())
}

/// Whose key has told of a refusal is in the audit trail, beside the replica, and in the log.
#[tokio::test]
async fn who_tells_of_a_refusal_is_told_by_his_key() -> Result<()> {
    let api = Api::embedded(TEN_EACH).await?.keyed("shop").await?;
    let (id, key) = api.make_key("acquire", "worker").await?;
    let told = json!({"call": call_of("acme", 1)["call"], "status": 429, "headers": {"retry-after": "42"}});
    let request = api.bare(Method::POST, "/v1/shop/observe").bearer_auth(&key).json(&told);
    assert_eq!(Answer::of(request).await?.expect(200)["paused"]["news"], true);
    let trail = api.get("/v1/shop/audit?kind=throttled").await?.expect(200);
    assert_eq!(trail["entries"][0]["author"], format!("worker (key {id})"), "{trail}");
    let log = log_with(&api.replica, "told that the provider has refused a call", 1).await?;
    assert!(log.contains(&format!("worker (key {id})")) && !log.contains(&key), "{log}");
    Ok(())
}

/// A page that has its own name lead here has no key: once keys are asked for, a service takes any name that a proxy
/// passes on.
#[tokio::test]
async fn with_keys_a_service_answers_to_any_name() -> Result<()> {
    let api = Api::embedded(TEN_EACH).await?;
    let named = |api: &Api| api.request(Method::GET, "/v1/shop/policy").header("host", "limits.example");
    Answer::of(named(&api)).await?.expect_problem(421, "unknown-host", "host");
    let api = api.keyed("shop").await?;
    Answer::of(named(&api)).await?.expect(200);
    let strange = api.bare(Method::GET, "/v1/shop/policy").header("host", "limits.example");
    Answer::of(strange).await?.expect(401);
    Ok(())
}
