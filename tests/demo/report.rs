//! What the demo reports: its form, and that it shows what it is there to show.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::command::{json, run};

fn keys(value: &Value) -> BTreeSet<&str> {
    value.as_object().into_iter().flatten().map(|(key, _)| key.as_str()).collect()
}

fn number(run: &Value, pointer: &str) -> Result<f64> {
    run.pointer(pointer).and_then(Value::as_f64).with_context(|| format!("no number {pointer}: {run}"))
}

/// That it is one object of the form that the README shows.
fn is_of_the_form(report: &Value) -> Result<()> {
    ensure!(keys(report) == BTreeSet::from(["runs", "scenario", "seed"]), "{report}");
    let fields = "batch_seconds client interactive_wait_ms jain requests throttled_429 utilisation";
    for run in report["runs"].as_array().context("a list")? {
        ensure!(keys(run) == fields.split(' ').collect(), "{run}");
        ensure!(keys(&run["interactive_wait_ms"]) == BTreeSet::from(["p50", "p99"]), "{run}");
        ensure!(run["requests"].is_u64() && run["throttled_429"].is_u64(), "{run}");
        for share in ["/utilisation", "/jain"] {
            ensure!((0.0..=1.0).contains(&number(run, share)?), "{share}: {run}");
        }
        ensure!(
            number(run, "/interactive_wait_ms/p50")? <= number(run, "/interactive_wait_ms/p99")?,
            "{run}"
        );
        ensure!(run["batch_seconds"].is_f64() || run["batch_seconds"].is_null(), "{run}");
    }
    Ok(())
}

/// Goal: the default scenario shows what Tollgate is for, whatever the machine is busy with. Method: counts and ratios,
/// against those of the baselines on the same machine; the provider's latencies and windows, not the machine, decide on
/// those.
#[test]
fn tollgate_is_refused_less_shares_better_and_has_people_wait_less() -> Result<()> {
    let report = json(&run(&["--json", "--seed", "7", "--seconds", "9"])?)?;
    println!("{report:#}");
    is_of_the_form(&report)?;
    ensure!((&report["scenario"], &report["seed"]) == (&"hidden".into(), &7.into()), "{report}");
    let clients: Vec<_> = report["runs"].as_array().context("a list")?.iter().collect();
    let names: Vec<_> = clients.iter().filter_map(|run| run["client"].as_str()).collect();
    ensure!(names == ["retry-only", "per-process", "tollgate"], "{names:?}");
    let (retry_only, per_process, tollgate) = (clients[0], clients[1], clients[2]);
    for baseline in [retry_only, per_process] {
        let refused = |run: &Value| number(run, "/throttled_429");
        ensure!(refused(tollgate)? * 3.0 < refused(baseline)?, "{tollgate}, {baseline}");
    }
    ensure!(
        number(tollgate, "/jain")? > 0.9 && number(retry_only, "/jain")? < 0.8,
        "{tollgate}, {retry_only}"
    );
    for wait in ["/interactive_wait_ms/p50", "/interactive_wait_ms/p99"] {
        ensure!(number(tollgate, wait)? < number(retry_only, wait)?, "{wait}: {tollgate}, {retry_only}");
    }
    ensure!(number(tollgate, "/utilisation")? > 0.5, "{tollgate}");
    Ok(())
}
