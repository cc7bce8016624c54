//! One run of schemathesis against a replica.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tempfile::TempDir;
use tollgate_testkit::{Replica, Seed, Sizes};

use super::answered::{Answered, described};
use super::tool::schemathesis;

/// Random requests of each operation.
const EXAMPLES: Sizes<u32> = Sizes { ci: 15, long: 400 };

/// A part of a run: which phases, of which operations, by their ids; none stands for all.
#[derive(Clone, Copy)]
struct Part {
    phases: &'static [&'static str],
    of: &'static [&'static str],
}

/// All phases of all operations; and more of what comes after a call, which among all there is to do is seldom drawn.
/// One run of that takes a few dozen steps, however many examples it may draw, so there are several, each from a seed
/// of its own.
const PARTS: [Part; 7] =
    [ALL, AFTER_A_CALL, AFTER_A_CALL, AFTER_A_CALL, AFTER_A_CALL, AFTER_A_CALL, AFTER_A_CALL];
const ALL: Part = Part { phases: &["Examples", "Coverage", "Fuzzing", "Stateful"], of: &[] };
const AFTER_A_CALL: Part =
    Part { phases: &["Stateful"], of: &["acquire", "settle", "heartbeat", "giveBack", "buckets"] };

/// Lines of its output that are shown.
const LINES_SHOWN: usize = 300;

/// Runs all parts and asks what came of it.
pub(crate) async fn against(replica: Replica) -> Result<()> {
    let seed = Seed::for_this_test()?;
    let folder = tempfile::tempdir()?;
    let description = reqwest::get(replica.url("/openapi.json")).await?.error_for_status()?.bytes().await?;
    let key = admin_key(&replica).await?;
    let policy = reqwest::Client::new().get(replica.url("/v1/genesys/policy")).bearer_auth(&key);
    let policy = policy.send().await?.error_for_status()?.bytes().await?;
    fs::write(folder.path().join("openapi.json"), &description)?;
    fs::write(folder.path().join("policy.json"), &policy)?;
    let described = described(&serde_json::from_slice::<Value>(&description)?)?;

    let mut answered = Answered::default();
    for (number, part) in PARTS.into_iter().enumerate() {
        let counted = folder.path().join(format!("answered-{number}.json"));
        let seed = seed.derive(&format!("part {number}"));
        run(part, seed, (&replica, &key), &folder, &counted).await?;
        answered.add(serde_json::from_slice(&fs::read(counted)?)?);
    }
    println!("{}", answered.table());
    let complaints = answered.complaints(&described);
    ensure!(complaints.is_empty(), "{}\n{}", complaints.join("\n"), answered.table());
    Ok(())
}

/// The first key of the namespace. Without one the first that a run makes would shut out all requests that come after.
async fn admin_key(replica: &Replica) -> Result<String> {
    let wanted = json!({"role": "admin", "label": "schemathesis"});
    let made = reqwest::Client::new().post(replica.url("/v1/genesys/keys")).json(&wanted).send().await?;
    let made: Value = made.error_for_status()?.json().await?;
    Ok(made["key"].as_str().context("a key")?.to_owned())
}

/// Runs a part; the hooks leave in the file `counted` what was answered.
async fn run(
    part: Part,
    seed: Seed,
    (replica, key): (&Replica, &str),
    folder: &TempDir,
    counted: &PathBuf,
) -> Result<()> {
    let suite = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/schemathesis");
    let mut command = Command::new(schemathesis()?);
    command
        .arg("--config-file")
        .arg(suite.join("schemathesis.toml"))
        // From a file: of a description that it is given as an address it does not test that address.
        .args(["run", "openapi.json", "--url", replica.base_url(), "--checks", "all"])
        .args(["--header", &format!("Authorization: Bearer {key}")])
        .args(["--phases", &part.phases.join(",").to_lowercase()])
        .args(part.of.iter().flat_map(|id| ["--include-operation-id", id]))
        // Its seeds have 32 bits.
        .args(["--seed", &(seed.value() % (1 << 32)).to_string()])
        .args(["--max-examples", &EXAMPLES.chosen().to_string()])
        // It keeps files of its own beside where it runs.
        .current_dir(folder.path())
        .env("PYTHONPATH", &suite)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("PYTHONIOENCODING", "utf-8")
        .env("NO_COLOR", "1")
        .env("SCHEMATHESIS_HOOKS", "hooks")
        .env("TOLLGATE_API_KEY", key)
        .env("TOLLGATE_POLICY_JSON", folder.path().join("policy.json"))
        .env("TOLLGATE_ANSWERED", counted);
    let output = tokio::task::spawn_blocking(move || command.output()).await?;
    let output = output.context("schemathesis does not run")?;
    let text = String::from_utf8_lossy(&output.stdout);
    let shown = || format!("{}\n{}", tail(&text), tail(&String::from_utf8_lossy(&output.stderr)));
    ensure!(output.status.success(), "schemathesis found something ({}):\n{}", output.status, shown());
    for phase in part.phases {
        ensure!(text.contains(&format!("✅ {phase}")), "there was no phase {phase}:\n{}", shown());
    }
    Ok(())
}

fn tail(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(LINES_SHOWN)..].join("\n")
}
