//! Who waits where, over HTTP and on the command line.

use anyhow::{Context, Result};
use serde_json::{Value, json};
use tollgate_testkit::{RedisServer, Replica, eventually};

use super::client::{Api, PATIENCE, TEN_EACH, call_of, with};
use super::operate::done;

const WAITERS: &str = "/v1/shop/waiters";

/// Five at once for all, and then one each four seconds: a call of five waits for twenty.
const SLOW: &str = r#"
    namespace = "shop"
    [[limit]]
    name  = "all"
    per   = []
    rate  = "1/4s"
    burst = 5
    [[limit]]
    name  = "org"
    per   = ["org"]
    rate  = "1000/s"
    burst = 1000
"#;

/// Calls that wait at one replica are told by another, and on the command line; when they have gone nobody waits.
#[tokio::test]
async fn who_waits_is_told_by_every_replica() -> Result<()> {
    let server = RedisServer::start()?;
    let replica = Replica::builder().store(server.url()).policy(SLOW);
    let one = Api::start(replica.argument("--begin").argument("full")).await?;
    let other = Api::joining(&server.url()).await?;
    one.acquire(&call_of("acme", 5)).await?.expect(200);
    assert_eq!(other.get(WAITERS).await?.expect(200), json!({"waiters": []}));
    assert_eq!(done(&other, &["waiters"]).await?, "Nobody waits.\n");

    let asked = with(with(call_of("acme", 5), "max_wait", "30s"), "priority", "batch");
    let told = {
        let waiting = one.acquire(&asked);
        tokio::pin!(waiting);
        tokio::select! {
            answer = &mut waiting => anyhow::bail!("it did not wait: {answer:?}"),
            told = told_of(&other, WAITERS) => told?,
        }
    };
    let queue = &told["waiters"][0];
    assert_eq!(
        (&queue["limit"], &queue["key"], &queue["measure"]),
        (&json!("all"), &json!(""), &json!("tokens")),
        "{told}"
    );
    assert_eq!((&queue["tickets"], &queue["tokens"]), (&json!(1), &json!(5)), "{told}");
    let expected_in_ms = queue["expected_in_ms"].as_u64().context("a time")?;
    assert!((1..=20_000).contains(&expected_in_ms), "{told}");
    let waiting = &queue["orgs"][0];
    assert_eq!((&waiting["org"], &waiting["priority"]), (&json!("acme"), &json!("batch")), "{told}");
    assert_eq!((&waiting["tokens"], &waiting["ahead"]), (&json!(5), &json!(0)), "{told}");
    assert_eq!(waiting["expected_in_ms"], expected_in_ms, "{told}");
    assert!(waiting["asked_at"].as_str() >= queue["since"].as_str(), "{told}");

    // The call has been given up with its connection, and its ticket with that or when its time is over.
    let gone = eventually("an empty queue", PATIENCE, async || {
        let told = other.get(WAITERS).await.map_err(|error| format!("{error:#}"))?;
        if told.text == "{\"waiters\":[]}" { Ok(()) } else { Err(told.text) }
    });
    gone.await
}

/// The same on the command line, and what filters leave.
#[tokio::test]
async fn who_waits_is_shown_and_filtered() -> Result<()> {
    let api = Api::embedded(SLOW).await?;
    api.acquire(&call_of("acme", 5)).await?.expect(200);
    let asked = with(call_of("acme", 5), "max_wait", "30s");
    let waiting = api.acquire(&asked);
    tokio::pin!(waiting);
    let looked = async {
        told_of(&api, WAITERS).await?;
        for (query, count) in [
            ("limit=all", 1),
            ("limit=org", 0),
            ("key=", 1),
            ("key=acme", 0),
            ("org=acme", 1),
            ("org=globex", 0),
            ("limit=all&key=&org=acme", 1),
        ] {
            let told = api.get(&format!("{WAITERS}?{query}")).await?.expect(200);
            assert_eq!(told["waiters"].as_array().map(Vec::len), Some(count), "{query}: {told}");
        }
        let table = done(&api, &["waiters", "all"]).await?;
        let lines: Vec<Vec<&str>> = table.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(
            lines[0],
            ["LIMIT", "KEY", "MEASURE", "SINCE", "ORG", "PRIORITY", "WANTS", "AHEAD", "EXPECTED"]
        );
        assert_eq!(
            (lines.len(), lines[1][0], &lines[1][3..7]),
            (2, "all", &["acme", "normal", "5", "0"][..]),
            "{table}"
        );
        assert_eq!(done(&api, &["waiters", "--limit", "org"]).await?, "Nobody waits.\n");
        let by_options = done(&api, &["waiters", "--limit", "all", "--key", ""]).await?;
        assert!(by_options.lines().nth(1).is_some_and(|line| line.contains("acme")), "{by_options}");
        let json = done(&api, &["waiters", "--org", "acme", "--json"]).await?;
        assert_eq!(serde_json::from_str::<Value>(json.trim_end())?["tokens"], 5, "{json}");
        assert_eq!(done(&api, &["waiters", "--org", "globex"]).await?, "Nobody waits.\n");
        anyhow::Ok(())
    };
    tokio::select! {
        answer = &mut waiting => anyhow::bail!("it did not wait: {answer:?}"),
        looked = looked => looked,
    }
}

/// What the service tells once somebody waits.
async fn told_of(api: &Api, path: &str) -> Result<Value> {
    eventually("somebody waits", PATIENCE, async || {
        let told = api.get(path).await.map_err(|error| format!("{error:#}"))?.expect(200);
        if told["waiters"].as_array().is_some_and(|waiters| !waiters.is_empty()) {
            Ok(told)
        } else {
            Err(told.to_string())
        }
    })
    .await
}

/// What can't be told is refused by its field.
#[tokio::test]
async fn what_can_not_be_told_is_refused_by_its_field() -> Result<()> {
    let api = Api::embedded(TEN_EACH).await?;
    let long = "x".repeat(1_025);
    for (query, status, kind, field) in [
        ("limit=none", 404, "unknown-limit", "limit"),
        ("cursor=x", 422, "invalid-value", "cursor"),
        ("colour=red", 400, "malformed", "colour"),
        (&format!("key={long}"), 422, "invalid-value", "key"),
        (&format!("org={long}"), 422, "invalid-value", "org"),
        (&format!("limit={long}"), 422, "invalid-value", "limit"),
    ] {
        api.get(&format!("{WAITERS}?{query}")).await?.expect_problem(status, kind, field);
    }
    Ok(())
}
