//! The rules: Prometheus' own checker finds nothing, each alarm has a case and is explained.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde_json::json;
use std::io::Write;
use tollgate_testkit::{Replica, promtool};

const ALERTS: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/prometheus/alerts.yml"));
const CASES: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/prometheus/alerts_test.yml"));
const OPERATIONS: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/OPERATIONS.md"));

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs/prometheus")
}

/// Runs the checker and returns what it said.
fn check(arguments: &[&str], input: Option<String>) -> Result<String> {
    let mut command = Command::new(promtool()?);
    command
        .args(arguments)
        .current_dir(folder())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn()?;
    let mut pipe = child.stdin.take().context("an input")?;
    pipe.write_all(input.unwrap_or_default().as_bytes())?;
    drop(pipe);
    let output = child.wait_with_output()?;
    let said =
        [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    ensure!(output.status.success(), "promtool {arguments:?}: {}\n{said}", output.status);
    Ok(said)
}

fn alarms() -> BTreeSet<&'static str> {
    ALERTS.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect()
}

#[test]
fn the_rules_and_the_configuration_are_right() -> Result<()> {
    let said = check(&["check", "rules", "alerts.yml"], None)?;
    ensure!(said.contains(&format!("{} rules found", alarms().len())), "{said}");
    check(&["check", "config", "prometheus.yml"], None).map(drop)
}

/// Each alarm is told when it should be, in these words, and not before.
#[test]
fn every_alarm_has_a_case_that_holds() -> Result<()> {
    check(&["test", "rules", "alerts_test.yml"], None)?;
    for alarm in alarms() {
        let cases = CASES.split("  - name: ").filter(|case| case.starts_with(&format!("{alarm}\n")));
        let cases: Vec<&str> = cases.collect();
        ensure!(cases.len() == 1, "{alarm} has {} cases in alerts_test.yml", cases.len());
        ensure!(
            cases[0].contains("exp_alerts: []") && cases[0].contains("summary: "),
            "{alarm}: {}",
            cases[0]
        );
    }
    Ok(())
}

/// Whoever is woken finds what it means and what to do.
#[test]
fn every_alarm_is_explained() {
    let section = OPERATIONS.split("\n## Alarms\n").nth(1).unwrap_or_default();
    let section = section.split("\n## ").next().unwrap_or_default();
    let rows = section.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    assert_eq!(rows.collect::<BTreeSet<_>>(), alarms());
}

/// What a replica tells is what Prometheus' own linter would have it be.
#[tokio::test]
async fn the_linter_finds_nothing_in_what_a_replica_tells() -> Result<()> {
    let replica = Replica::builder().start().await?;
    let http = reqwest::Client::new();
    let call = json!({"call": {"method": "GET", "path": "/api/v2/users", "org": "acme", "client": "app-1"}});
    for _ in 0..25 {
        http.post(replica.url("/v1/genesys/acquire")).json(&call).send().await?;
    }
    let told = http.get(replica.url("/metrics")).send().await?.text().await?;
    ensure!(told.contains("tollgate_refused_calls_total"), "{told}");
    let said = tokio::task::spawn_blocking(|| check(&["check", "metrics"], Some(told))).await??;
    ensure!(said.trim().is_empty(), "{said}");
    Ok(())
}
