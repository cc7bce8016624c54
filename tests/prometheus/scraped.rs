//! Two replicas on one Redis, scraped.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tollgate_testkit::{Prometheus, RedisServer, Replica, eventually};

use super::api::Api;
use super::dashboard::{self, metrics_in};

const ALERTS: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/prometheus/alerts.yml"));

const POLICY: &str = r#"
    namespace = "shop"
    [[limit]]
    name  = "org"
    per   = ["org"]
    rate  = "1/1h"
    burst = 20
    [[limit]]
    name  = "trial"
    per   = []
    rate  = "1/1h"
    burst = 5
    mode  = "observe"
"#;

/// Longer than anything here takes, also on a machine busy with compilers.
const PATIENCE: Duration = Duration::from_secs(50);

/// Both replicas, by their addresses.
fn config(replicas: &[Replica]) -> String {
    let targets: Vec<&str> =
        replicas.iter().map(|replica| replica.base_url().trim_start_matches("http://")).collect();
    json!({
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": ["alerts.yml"],
        "scrape_configs": [{"job_name": "tollgate", "static_configs": [{"targets": targets}]}]
    })
    .to_string()
}

/// Has calls granted and refused at both replicas, some permits given back, and a refusal of the provider taken up. How
/// many were granted.
async fn traffic(replicas: &[Replica]) -> Result<u64> {
    let http = reqwest::Client::new();
    let mut granted = 0;
    for number in 0..60 {
        let replica = &replicas[number % replicas.len()];
        let (org, max_wait) = (["acme", "zeta"][number % 3 / 2], ["0ms", "1ms"][number % 2]);
        let call = json!({"method": "GET", "path": "/orders", "org": org});
        let asked = json!({"call": call, "max_wait": max_wait});
        let answer = http.post(replica.url("/v1/shop/acquire")).json(&asked).send().await?;
        if answer.status() != 200 {
            ensure!(answer.status() == 429, "{answer:?}");
            continue;
        }
        granted += 1;
        let answer: Value = answer.json().await?;
        let permit = answer["permit"].as_str().context("a permit")?;
        if number % 10 == 0 {
            let permit = replica.url(&format!("/v1/shop/permits/{permit}"));
            http.delete(permit).send().await?.error_for_status()?;
        }
        if number == 50 {
            let observed =
                json!({"call": call, "permit": permit, "status": 429, "headers": {"retry-after": "1"}});
            http.post(replica.url("/v1/shop/observe")).json(&observed).send().await?.error_for_status()?;
        }
    }
    Ok(granted)
}

/// Goal: what operators are told is true and can be shown. Method: Prometheus scrapes two replicas of one service while
/// calls are granted and refused. It comes to as many grants as the callers had; every metric that a rule or a panel
/// names is there; every line of the dashboard shows something; no alarm is told. Then the store stands still: the
/// alarm for that is told of both replicas, and ends when the store goes on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_replicas_are_scraped_and_an_alarm_is_told() -> Result<()> {
    let server = RedisServer::start()?;
    let mut replicas = Vec::new();
    for _ in 0..2 {
        let replica =
            Replica::builder().store(server.url()).policy(POLICY).argument("--begin").argument("full");
        replicas.push(replica.argument("--store-timeout").argument("500ms").start().await?);
    }
    let config = config(&replicas);
    let prometheus =
        tokio::task::spawn_blocking(move || Prometheus::start(&config, &[("alerts.yml", ALERTS)]));
    let prometheus = prometheus.await??;
    let api = Api::of(&prometheus);
    scraped(&api, "sum(up)", 2.0).await?;
    let granted = traffic(&replicas).await?;
    #[expect(clippy::cast_precision_loss, reason = "a few dozen")]
    let granted = granted as f64;
    scraped(&api, "sum(tollgate_granted_calls_total{namespace=\"shop\",limit=\"org\"})", granted).await?;
    scraped(&api, "sum(tollgate_wait_seconds_count)", granted).await?;
    scraped(&api, "sum(tollgate_refused_calls_total)", 60.0 - granted).await?;

    everything_shows_something(&api).await?;
    let alarms = api.alarms().await?;
    ensure!(alarms.is_empty(), "{alarms:?}");
    an_outage_is_told(&api, &server, &replicas).await
}

/// Waits until an expression comes to this value.
async fn scraped(api: &Api<'_>, expression: &str, expected: f64) -> Result<()> {
    eventually(&format!("{expression} to be {expected}"), PATIENCE, async || {
        match api.query(expression).await {
            Ok(series) if series.iter().any(|(_, value)| (value - expected).abs() < 1e-9) => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await
}

async fn everything_shows_something(api: &Api<'_>) -> Result<()> {
    let lines = dashboard::lines()?;
    ensure!(lines.len() >= 20, "the dashboard has {} lines", lines.len());
    let rules = api.rules().await?;
    ensure!(rules.len() == ALERTS.matches("- alert: ").count(), "{rules:?}");
    for (name, expression, wrong) in &rules {
        ensure!(wrong.is_empty(), "{name}: {wrong}");
        // What an alarm asks for is mostly nothing; what it is made of is there.
        for metric in metrics_in(expression) {
            ensure!(!api.query(&metric).await?.is_empty(), "{name}: there is no {metric}");
        }
    }
    for line in lines {
        eventually(&format!("{}: {}", line.title, line.expression), PATIENCE, async || {
            match api.query(&line.expression).await {
                Ok(series) if !series.is_empty() => Ok(()),
                Ok(_) => Err("it shows nothing".to_owned()),
                Err(error) => Err(format!("{error:#}")),
            }
        })
        .await?;
    }
    Ok(())
}

async fn an_outage_is_told(api: &Api<'_>, server: &RedisServer, replicas: &[Replica]) -> Result<()> {
    let told = async |expected: usize| {
        eventually(&format!("{expected} alarms of the store"), PATIENCE, async || {
            let alarms = api.alarms().await.map_err(|error| format!("{error:#}"))?;
            let firing =
                alarms.iter().filter(|alarm| alarm.name == "TollgateStoreDown" && alarm.state == "firing");
            let of: std::collections::BTreeSet<&str> = firing.map(|alarm| alarm.instance.as_str()).collect();
            if of.len() == expected { Ok(()) } else { Err(format!("{alarms:?}")) }
        })
        .await
    };
    server.stop()?;
    let call = json!({"call": {"method": "GET", "path": "/orders", "org": "omega"}});
    for replica in replicas {
        let answer = reqwest::Client::new().post(replica.url("/v1/shop/acquire")).json(&call).send().await?;
        ensure!(answer.status() == 503, "{answer:?}");
    }
    told(2).await?;
    server.cont()?;
    told(0).await
}
