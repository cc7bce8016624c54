//! Who has used what, over HTTP and on the command line.

use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use tollgate_testkit::{RedisServer, eventually, put_forward};

use super::client::{Api, TEN_EACH, call_of};
use super::operate::done;

const USAGE: &str = "/v1/shop/usage";

/// A minute is in the books when the sweep has been there twice after its end; that is done every ten seconds.
pub(super) const BOOKED_WITHIN: Duration = Duration::from_secs(60);

/// What is granted, and what it cost, is told by limit and key, by the minute and by the hour, whichever replica is
/// asked, and on the command line.
#[tokio::test]
async fn what_was_granted_is_told() -> Result<()> {
    let server = RedisServer::start()?;
    let (one, other) = (Api::with_ten(&server.url()).await?, Api::joining(&server.url()).await?);
    let granted = one.acquire(&call_of("acme", 5)).await?.expect(200);
    let id = granted["permit"].as_str().context("a permit")?;
    other.acquire(&call_of("acme", 1)).await?.expect(200);
    other.acquire(&call_of("globex", 1)).await?.expect(200);
    other.post(&format!("/v1/shop/permits/{id}/settle"), &json!({"cost": 2})).await?.expect(204);
    put_forward(&server, "shop", Duration::from_secs(180))?;
    let (from, to) = around_now(&server)?;
    let window = format!("from={from}&to={to}");
    let told = eventually("the books", BOOKED_WITHIN, async || {
        let told =
            other.get(&format!("{USAGE}?step=hour&{window}")).await.map_err(|error| format!("{error:#}"))?;
        let told: Value = serde_json::from_str(&told.text).map_err(|error| error.to_string())?;
        let rows = told["rows"].as_array().map_or(0, Vec::len);
        if rows == 2 && told["complete_until"].is_string() { Ok(told) } else { Err(told.to_string()) }
    });
    let told = told.await?;
    let row =
        |key: &str| told["rows"].as_array().into_iter().flatten().find(|row| row["key"] == key).cloned();
    let acme = row("acme").context("acme has a row")?;
    assert_eq!(
        (&acme["granted"], &acme["cost"], &acme["limit"]),
        (&json!(2), &json!(3), &json!("org")),
        "{told}"
    );
    assert_eq!((&acme["measure"], &acme["throttled"]), (&json!("tokens"), &json!(0)), "{told}");
    assert_eq!(row("globex").context("globex has a row")?["cost"], 1, "{told}");

    let by_limit = one.get(&format!("{USAGE}?by=limit&step=hour&{window}")).await?.expect(200);
    assert_eq!(by_limit["rows"].as_array().map(Vec::len), Some(1), "{by_limit}");
    assert_eq!(by_limit["rows"][0]["cost"], 4, "{by_limit}");
    assert_eq!(by_limit["rows"][0].get("key"), None, "{by_limit}");
    let by_org = one.get(&format!("{USAGE}?by=org&key=globex&step=hour&{window}")).await?.expect(200);
    assert_eq!(by_org["rows"].as_array().map(Vec::len), Some(1), "{by_org}");

    let to = jiff::Timestamp::from_microsecond(to.cast_signed())?.to_string();
    let table = done(&one, &["usage", "--from", "2h", "--to", &to, "--by", "org", "--step", "hour"]).await?;
    let lines: Vec<Vec<&str>> = table.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(
        lines[0],
        ["LIMIT", "KEY", "GRANTED", "COST", "REFUSED", "WAITED", "LONGEST", "429S"],
        "{table}"
    );
    assert_eq!(lines[1][..4], ["org", "acme", "2", "3"], "{table}");
    assert_eq!(lines[2][..4], ["org", "globex", "1", "1"], "{table}");
    let json =
        done(&one, &["usage", "--from", "2h", "--to", &to, "--json", "--key", "acme", "--step", "hour"])
            .await?;
    assert_eq!(serde_json::from_str::<Value>(json.trim_end())?["cost"], 3, "{json}");
    Ok(())
}

/// Two hours back and an hour ahead, in microseconds: the namespace's time is ahead of the server's.
fn around_now(server: &RedisServer) -> Result<(u64, u64)> {
    let (seconds, _): (u64, u64) = redis::cmd("TIME").query(&mut server.connection()?)?;
    Ok(((seconds - 7_200) * 1_000_000, (seconds + 3_600) * 1_000_000))
}

/// What can't be told is refused by its field.
#[tokio::test]
async fn what_can_not_be_told_is_refused_by_its_field() -> Result<()> {
    let api = Api::embedded(TEN_EACH).await?;
    for (query, status, kind, field) in [
        ("from=yesterday", 422, "invalid-value", "from"),
        ("to=now", 422, "invalid-value", "to"),
        ("from=2026-11-26T07:00:00Z&to=2026-11-26T06:00:00Z", 422, "invalid-value", "to"),
        ("from=2026-11-20T07:00:00Z&to=2026-11-26T06:00:00Z", 422, "invalid-value", "from"),
        ("from=2026-10-20T07:00:00Z&to=2026-11-26T06:00:00Z&step=hour", 422, "invalid-value", "from"),
        ("by=client", 422, "invalid-value", "by"),
        ("by=org&limit=org", 422, "invalid-value", "limit"),
        ("limit=", 422, "invalid-value", "limit"),
        ("by=colour", 400, "malformed", "by"),
        ("step=day", 400, "malformed", "step"),
        ("colour=red", 400, "malformed", "colour"),
    ] {
        api.get(&format!("{USAGE}?{query}")).await?.expect_problem(status, kind, field);
    }
    let nothing = api.get(USAGE).await?.expect(200);
    assert_eq!(nothing["rows"], json!([]), "{nothing}");
    Ok(())
}
