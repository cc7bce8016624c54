//! The provider over real HTTP on the loopback.

use anyhow::{Context, Result};
use reqwest::{Client, StatusCode};
use serde_json::Value;
use tollgate_simulator::{Seed, Server};

use super::settings::{STACKED, config, scope};

/// Without `[oauth]` the token itself says who calls.
fn open(rest: &str) -> String {
    STACKED.split("[[client]]").next().unwrap_or_default().to_owned() + rest
}

async fn start(text: &str) -> Result<Server> {
    Ok(Server::start(config(text), Seed::new(1)).await?)
}

#[tokio::test]
async fn a_call_beyond_a_limit_is_answered_429() -> Result<()> {
    let server = start(&open("")).await?;
    let client = Client::new();
    let mut statuses = Vec::new();
    let mut last = None;
    for _ in 0..4 {
        let answer =
            client.get(server.url("/api/v2/users?pageSize=25")).bearer_auth("acme/app-1").send().await?;
        statuses.push(answer.status().as_u16());
        last = Some(answer);
    }
    assert_eq!(statuses, [200, 200, 200, 429]);
    let refused = last.context("an answer")?;
    let header =
        |name: &str| refused.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let seconds: u64 = header("retry-after").context("a wait")?.parse()?;
    assert!((1..=60).contains(&seconds), "{seconds}");
    assert_eq!(header("content-type").as_deref(), Some("application/json"));
    let correlation = header("inin-correlation-id");
    let body: Value = refused.json().await?;
    assert_eq!(body["contextId"].as_str(), correlation.as_deref());
    assert_eq!(body["limit"]["namespace"], "directory");

    let ledger = server.ledger();
    assert_eq!(ledger.callers().org("acme").client("app-1").count(), 4);
    assert_eq!(ledger.callers().at(&scope("directory/user.rate.per.minute", "acme")).refused().count(), 1);
    assert!(ledger.callers().entries().all(|entry| entry.finished.is_some()), "all calls are over");
    assert_eq!(ledger.excesses(), vec![]);
    Ok(())
}

#[tokio::test]
async fn the_ledger_can_be_read_and_reset_by_hand() -> Result<()> {
    let server = start(&open("")).await?;
    let client = Client::new();
    for _ in 0..4 {
        client.get(server.url("/api/v2/users")).bearer_auth("acme/app-1").send().await?;
    }
    let summary = async || -> Result<Value> {
        Ok(client.get(server.url("/_simulator/ledger")).send().await?.json().await?)
    };
    let health = client.get(server.url("/_simulator/health")).send().await?;
    assert_eq!(
        (health.status(), health.json::<Value>().await?["status"].clone()),
        (StatusCode::OK, "up".into())
    );
    let before = summary().await?;
    assert_eq!((&before["arrivals"], &before["excess_count"]), (&4.into(), &0.into()), "{before}");
    assert_eq!(before["refused_by"]["directory/user.rate.per.minute"], 1);
    assert_eq!(before["done_by_org"]["acme"], 3);
    let reset = client.post(server.url("/_simulator/reset")).send().await?;
    assert_eq!(reset.status(), StatusCode::NO_CONTENT);
    assert_eq!(summary().await?["arrivals"], 0);
    let again = client.get(server.url("/api/v2/users")).bearer_auth("acme/app-1").send().await?;
    assert_eq!(again.status(), StatusCode::OK);
    Ok(())
}

/// The connection ends without an answer, by a reset and not by an orderly close.
#[tokio::test]
async fn a_connection_is_reset_without_an_answer() -> Result<()> {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let server = start(&open("[faults]\nreset = 1.0\ncounted = true")).await?;
    let mut stream = tokio::net::TcpStream::connect(server.address()).await?;
    stream
        .write_all(b"GET /api/v2/users HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer acme/app\r\n\r\n")
        .await?;
    let mut bytes = Vec::new();
    let ended = stream.read_to_end(&mut bytes).await.expect_err("a reset");
    assert_eq!((ended.kind(), bytes.len()), (std::io::ErrorKind::ConnectionReset, 0));
    assert_eq!(server.ledger().callers().count(), 1);
    Ok(())
}

#[tokio::test]
async fn errors_of_the_provider_are_answered_and_latency_passes() -> Result<()> {
    let server = start(&open("[faults]\nerror = 1.0\nstatus = 502\n[latency]\nbase = '30ms'")).await?;
    let answer = Client::new().get(server.url("/x")).bearer_auth("acme/app").send().await?;
    assert_eq!(answer.status(), StatusCode::BAD_GATEWAY);
    let ledger = server.ledger();
    let entry = ledger.all().entries().next().context("an entry")?;
    let took = entry.finished.context("it is over")?.since(entry.at);
    assert!(took.as_millis() >= 30, "{took:?}");
    Ok(())
}

/// A sender that hangs up is gone from the calls in flight.
#[tokio::test]
async fn who_hangs_up_is_in_flight_no_longer() -> Result<()> {
    let text = "shape = 'genesys-cloud'\n[latency]\nbase = '1h'\n[[limit]]\nname = 'a/b'\nper = []\nkind = 'concurrent'\nvalue = 1";
    let server = start(text).await?;
    let call = tokio::spawn(Client::new().get(server.url("/x")).bearer_auth("acme/app").send());
    let within = std::time::Duration::from_secs(10);
    let state =
        |server: &Server| server.ledger().all().entries().next().map(|entry| entry.finished.is_some());
    tollgate_testkit::eventually("the call", within, async || state(&server).ok_or("no call yet")).await?;
    call.abort();
    let over = async || state(&server).filter(|over| *over).ok_or("still in flight");
    tollgate_testkit::eventually("its end", within, over).await?;
    Ok(())
}
