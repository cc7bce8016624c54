//! `GET /metrics`: what a replica has counted is what its callers were answered, in both formats, and nothing of who
//! they are.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, ensure};
use reqwest::Method;
use serde_json::json;
use tollgate::Metrics;
use tollgate_testkit::{RedisServer, Replica, eventually};

use super::client::{Answer, Api, PATIENCE, TEN_EACH, call_of, with};
use super::exposition::Exposition;

const PROMETHEUS: &str = "text/plain; version=0.0.4; charset=utf-8";
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Asked as scrapers ask, in the words of Prometheus 2 and of curl.
#[tokio::test]
async fn it_is_written_in_the_format_that_is_asked_for() -> Result<()> {
    let api = Api::embedded(TEN_EACH).await?;
    api.acquire(&call_of("acme", 1)).await?.expect(200);
    let prometheus_2 = "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,\
         text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
    for (accept, kind) in [("*/*", PROMETHEUS), (prometheus_2, OPEN_METRICS)] {
        let request = api.request(Method::GET, "/metrics").header("accept", accept);
        let answer = Answer::of(request).await?;
        assert_eq!((answer.status, answer.header("content-type")), (200, kind), "{accept}");
        assert_eq!(answer.header("vary"), "accept");
        let is_open = kind == OPEN_METRICS;
        assert_eq!(answer.text.ends_with("# EOF\n"), is_open, "{accept}");
        assert_eq!(answer.text.contains("# UNIT tollgate_wait_seconds seconds\n"), is_open, "{accept}");
        // A counter is declared by its name with the ending here, without it there.
        let declared =
            format!("# TYPE tollgate_granted_calls{} counter\n", if is_open { "" } else { "_total" });
        assert!(answer.text.contains(&declared), "{}", answer.text);
        let granted = "tollgate_granted_calls_total{namespace=\"shop\",limit=\"org\"} 1\n";
        assert!(answer.text.contains(granted), "{}", answer.text);
    }
    Ok(())
}

/// Goal: G13 over HTTP. Method: calls are granted, refused, waited for, given back and settled, asked for with bad
/// input and where there is nothing; the counters say what the answers said, and the requests are counted by their
/// routes.
#[tokio::test]
async fn the_counters_are_what_was_answered() -> Result<()> {
    let server = RedisServer::start()?;
    let api = Api::with_ten(&server.url()).await?;
    let (mut granted, mut refused, mut tokens) = (0, 0, 0);
    let mut permits = Vec::new();
    for number in 0..30_u64 {
        let org = ["acme", "zeta"][usize::from(number % 3 == 0)];
        let asked = call_of(org, 1 + number % 2);
        let answer =
            api.acquire(&if number % 4 == 0 { with(asked, "max_wait", "5ms") } else { asked }).await?;
        match answer.status {
            200 => {
                granted += 1;
                tokens += 1 + number % 2;
                permits.push(answer.expect(200)["permit"].as_str().context("a permit")?.to_owned());
            }
            429 => refused += 1,
            _ => anyhow::bail!("{answer:?}"),
        }
    }
    ensure!(granted > 10 && refused > 3, "{granted} {refused}");
    let settle = format!("/v1/shop/permits/{}/settle", permits[0]);
    api.post(&settle, &json!({"cost": 1})).await?.expect(204);
    api.post(&settle, &json!({"cost": 1})).await?.expect_problem(409, "settled-before", "");
    api.send(Method::DELETE, &format!("/v1/shop/permits/{}", permits[1]), "", "").await?.expect(204);
    api.acquire(&json!({"call": 7})).await?.expect(400);
    api.acquire(&call_of("acme", 11)).await?.expect_problem(422, "invalid-call", "cost");
    api.get("/v1/shop/secret-path").await?.expect(404);
    api.send(Method::from_bytes(b"QUERY")?, "/healthz", "", "").await?.expect(405);

    let told = Exposition::of(&api).await?;
    let org = [("namespace", "shop"), ("limit", "org")];
    let value = |name: &str, labels: &[(&str, &str)]| told.count(name, labels);
    assert_eq!(value("tollgate_granted_calls_total", &org)?, granted);
    assert_eq!(value("tollgate_granted_tokens_total", &org)?, tokens);
    assert_eq!(value("tollgate_refused_calls_total", &org)?, refused);
    assert_eq!(value("tollgate_wait_seconds_count", &[("priority", "normal")])?, granted);
    assert_eq!(value("tollgate_acquires_total", &[("outcome", "invalid")])?, 1);
    let correction = |purpose, outcome| [("purpose", purpose), ("outcome", outcome)];
    assert_eq!(value("tollgate_permit_corrections_total", &correction("settle", "made"))?, 1);
    assert_eq!(value("tollgate_permit_corrections_total", &correction("settle", "settled_before"))?, 1);
    assert_eq!(value("tollgate_permit_corrections_total", &correction("give_back", "made"))?, 1);
    let request = |method, route, status| {
        value("tollgate_http_requests_total", &[("method", method), ("route", route), ("status", status)])
    };
    let acquire = "/v1/{ns}/acquire";
    assert_eq!(request("POST", acquire, "2xx")?, granted);
    assert_eq!(request("POST", acquire, "4xx")?, refused + 2);
    assert_eq!(request("GET", "unknown", "4xx")?, 1);
    assert_eq!(request("other", "/healthz", "4xx")?, 1);
    assert_eq!(value("tollgate_http_request_seconds_count", &[("route", acquire)])?, granted + refused + 2);
    assert_eq!(value("tollgate_store_up", &[])?, 1);
    assert_eq!(value("tollgate_policy_version", &[])?, 1);
    // Processor time is counted in ticks, of which there may not have been one yet.
    ensure!(told.value("process_cpu_seconds_total", &[])? >= 0.0);
    for name in ["process_resident_memory_bytes", "process_open_fds", "process_start_time_seconds"] {
        ensure!(told.value(name, &[])? > 0.0, "{name}");
    }
    assert_eq!(value("tollgate_build_info", &[("version", env!("CARGO_PKG_VERSION"))])?, 1);

    // Nothing of what callers have sent is a label.
    let sent = ["acme", "zeta", "secret-path", "QUERY", permits[0].as_str(), "/orders"];
    for label in told.label_values() {
        ensure!(!sent.iter().any(|sent| label.contains(sent)), "{label}");
    }
    Ok(())
}

/// A client that hangs up is counted, as one that was not answered; and its call as given up.
#[tokio::test]
async fn a_client_that_hangs_up_is_counted() -> Result<()> {
    let api = Api::embedded(TEN_EACH).await?;
    for _ in 0..10 {
        api.acquire(&call_of("acme", 1)).await?.expect(200);
    }
    let waiting =
        api.request(Method::POST, "/v1/shop/acquire").json(&with(call_of("acme", 1), "max_wait", "1h"));
    let waiting = tokio::spawn(waiting.send());
    let told = async |name: &str, labels: &[(&str, &str)], expected: u64| {
        eventually(&format!("{name} {labels:?}"), PATIENCE, async || {
            let told = Exposition::of(&api).await.map_err(|error| error.to_string())?;
            match told.count(name, labels) {
                Ok(found) if found == expected => Ok(()),
                other => Err(format!("{other:?}")),
            }
        })
        .await
    };
    told("tollgate_waiting_calls", &[("limit", "org")], 1).await?;
    waiting.abort();
    told("tollgate_waiting_calls", &[("limit", "org")], 0).await?;
    told("tollgate_acquires_total", &[("outcome", "dropped")], 1).await?;
    told("tollgate_http_requests_total", &[("route", "/v1/{ns}/acquire"), ("status", "none")], 1).await
}

/// Goal: an outage of the store is told, and its end. Method: the server stands still.
#[tokio::test]
async fn an_outage_is_told() -> Result<()> {
    let server = RedisServer::start()?;
    let replica =
        Replica::builder().store(server.url()).policy(TEN_EACH).argument("--begin").argument("full");
    let api = Api::start(replica.argument("--store-timeout").argument("200ms")).await?;
    server.stop()?;
    api.acquire(&call_of("acme", 1)).await?.expect(503);
    let told = Exposition::of(&api).await?;
    assert_eq!(told.count("tollgate_store_up", &[])?, 0);
    assert_eq!(told.count("tollgate_acquires_total", &[("outcome", "store")])?, 1);
    assert_eq!(told.count("tollgate_granted_calls_total", &[])?, 0);
    let unanswered = [("script", "acquire"), ("outcome", "unanswered")];
    ensure!(told.count("tollgate_store_calls_total", &unanswered)? >= 1);
    server.cont()?;
    eventually("the end of the outage", PATIENCE, async || {
        let _ = api.acquire(&call_of("zeta", 1)).await;
        let told = Exposition::of(&api).await.map_err(|error| error.to_string())?;
        let up = told.count("tollgate_store_up", &[]).map_err(|error| error.to_string())?;
        if up == 1 { Ok(()) } else { Err("it is down".to_owned()) }
    })
    .await
}

/// A row of the table in docs/OPERATIONS.md: kind and labels.
fn documented() -> BTreeMap<String, (String, BTreeSet<String>)> {
    let document = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/OPERATIONS.md"));
    let section = document.split("\n## Metrics\n").nth(1).unwrap_or_default();
    let section = section.split("\n## ").next().unwrap_or_default();
    let row = |line: &str| {
        let cells: Vec<&str> = line.strip_prefix("| `")?.split(" | ").collect();
        let labels = cells.get(2)?.split('`').skip(1).step_by(2).map(str::to_owned).collect();
        Some((cells[0].trim_end_matches('`').to_owned(), ((*cells.get(1)?).to_owned(), labels)))
    };
    section.lines().filter_map(row).collect()
}

/// The table that operators read has every metric that a replica tells, with its kind and its labels, and no other.
#[tokio::test]
async fn the_table_of_metrics_is_what_is_told() -> Result<()> {
    let api = Api::embedded(TEN_EACH).await?;
    api.acquire(&call_of("acme", 1)).await?.expect(200);
    let told = Exposition::of(&api).await?;
    let documented = documented();
    let names: BTreeSet<&String> = documented.keys().collect();
    assert_eq!(names, told.kinds.keys().collect::<BTreeSet<_>>());
    for (name, (kind, labels)) in &documented {
        assert_eq!(told.kinds.get(name), Some(kind), "{name}");
        assert_eq!(&told.labels(name).into_iter().collect::<BTreeSet<_>>(), labels, "{name}");
    }
    // How much of it there is, as the text beside the table says.
    for (label, value, expected) in
        [("limit", "org", 15), ("script", "acquire", 21), ("route", "/v1/{ns}/acquire", 17 + 1)]
    {
        assert_eq!(told.series(label, value), expected, "{label} {value}");
    }
    for description in Metrics::catalogue() {
        let (_, labels) = documented.get(description.name).with_context(|| description.name.to_owned())?;
        let known: BTreeSet<String> = description.labels.iter().map(|&label| label.to_owned()).collect();
        assert_eq!(labels, &known, "{}", description.name);
    }
    Ok(())
}
