//! Why calls are slow or refused, over HTTP and on the command line.

use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use tollgate_testkit::{RedisServer, eventually, put_forward};

use super::client::{Api, TEN_EACH, call_of};
use super::operate::{done, run};
use super::usage::BOOKED_WITHIN;

const DIAGNOSIS: &str = "/v1/shop/diagnosis";

fn kinds(told: &Value) -> Vec<&str> {
    let findings = told["findings"].as_array().map(Vec::as_slice).unwrap_or_default();
    findings.iter().filter_map(|finding| finding["kind"].as_str()).collect()
}

/// Nothing is found where nothing is wrong; a pause is, with an exit code of its own, and filters leave what is asked
/// for.
#[tokio::test]
async fn what_holds_calls_up_is_told() -> Result<()> {
    let api = Api::embedded(TEN_EACH).await?;
    let healthy = api.get(DIAGNOSIS).await?.expect(200);
    assert_eq!(healthy, json!({"healthy": true, "at": healthy["at"], "findings": [], "is_cut": false}));
    assert_eq!(done(&api, &["diagnosis"]).await?, "healthy: nothing holds calls up\n");

    let paused = json!({"limit": "org", "key": "acme", "for_ms": 600_000});
    api.post("/v1/shop/pauses", &paused).await?.expect(200);
    api.acquire(&call_of("globex", 10)).await?.expect(200);
    let told = api.get(DIAGNOSIS).await?.expect(200);
    assert_eq!(
        (kinds(&told), &told["healthy"]),
        (vec!["paused_by_hand", "used_up"], &json!(false)),
        "{told}"
    );
    let finding = &told["findings"][0];
    assert_eq!(
        (&finding["severity"], &finding["limit"], &finding["key"]),
        (&json!("high"), &json!("org"), &json!("acme"))
    );
    assert!(finding["until"].as_str() > finding["since"].as_str(), "{finding}");
    assert!(finding["figures"]["paused_for_ms"].as_u64().is_some_and(|ms| ms <= 600_000), "{finding}");
    let of_globex = api.get(&format!("{DIAGNOSIS}?org=globex&limit=org")).await?.expect(200);
    assert_eq!(kinds(&of_globex), ["used_up"], "{of_globex}");

    let (code, said, errors) = run(&api, &["diagnosis"]).await?;
    assert_eq!((code, errors.as_str(), said.lines().count()), (Some(3), "", 2), "{said}");
    assert!(said.starts_with("high    limit org of acme is paused for "), "{said}");
    let said = done(&api, &["diagnosis", "--org", "globex"]).await?;
    assert!(said.starts_with("medium  limit org of globex has nothing left"), "{said}");
    let (code, json, _) = run(&api, &["diagnosis", "--limit", "org", "--json"]).await?;
    assert_eq!((code, kinds(&serde_json::from_str(&json)?).len()), (Some(3), 2), "{json}");
    Ok(())
}

/// Refusals that the store has been told of and that are not in the books yet.
fn reported(server: &RedisServer) -> Result<u64> {
    let script = "local sum = 0 for _, field in ipairs(redis.call('HKEYS', KEYS[1])) do \
        if string.sub(field, 1, 2) == 't:' then \
            local tally = {cmsgpack.unpack(redis.call('HGET', KEYS[1], field))} sum = sum + tally[3] \
        end end return sum";
    let mut command = redis::cmd("EVAL");
    Ok(command.arg(script).arg(1).arg("tollgate:{shop}:state").query(&mut server.connection()?)?)
}

/// What was refused lately is told from the books, once they have it.
#[tokio::test]
async fn what_was_refused_lately_is_told() -> Result<()> {
    let server = RedisServer::start()?;
    let api = Api::with_ten(&server.url()).await?;
    api.acquire(&call_of("acme", 10)).await?.expect(200);
    for _ in 0..3 {
        api.acquire(&call_of("acme", 1)).await?.expect(429);
    }
    // Refusals go along with the next batch, or within a second, not always all together.
    eventually("the reports", BOOKED_WITHIN, async || {
        let refused = reported(&server).map_err(|error| format!("{error:#}"))?;
        if refused == 3 { Ok(()) } else { Err(format!("{refused} of 3")) }
    })
    .await?;
    put_forward(&server, "shop", Duration::from_secs(180))?;
    let found = eventually("the books", BOOKED_WITHIN, async || {
        let told = api.get(DIAGNOSIS).await.map_err(|error| format!("{error:#}"))?.expect(200);
        let found =
            told["findings"].as_array().into_iter().flatten().find(|finding| finding["kind"] == "refused");
        found.cloned().ok_or_else(|| told.to_string())
    });
    let found = found.await?;
    assert_eq!((&found["limit"], &found["key"]), (&json!("org"), &json!("acme")), "{found}");
    assert_eq!(
        (&found["figures"]["refused"], &found["figures"]["granted"]),
        (&json!(3), &json!(1)),
        "{found}"
    );
    found["text"].as_str().context("a text")?;
    Ok(())
}

/// What can't be told is refused by its field.
#[tokio::test]
async fn what_can_not_be_told_is_refused_by_its_field() -> Result<()> {
    let api = Api::embedded(TEN_EACH).await?;
    let long = "x".repeat(257);
    for (query, status, kind, field) in [
        ("limit=none", 404, "unknown-limit", "limit"),
        ("colour=red", 400, "malformed", "colour"),
        (&format!("org={long}"), 422, "invalid-value", "org"),
        (&format!("limit={long}"), 422, "invalid-value", "limit"),
    ] {
        api.get(&format!("{DIAGNOSIS}?{query}")).await?.expect_problem(status, kind, field);
    }
    Ok(())
}
