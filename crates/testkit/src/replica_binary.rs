//! Where the binary under test is, built if nobody has built it.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use anyhow::{Context, Result, anyhow, ensure};
use serde_json::Value;

/// Path of the binary under test; `cargo xtask test` sets it.
const CHOSEN: &str = "TOLLGATE_BIN";

/// The binary `tollgate`: `TOLLGATE_BIN`, or what cargo builds, once for each test program.
///
/// # Errors
/// When it can't be built.
pub fn replica_binary() -> Result<&'static Path> {
    static BINARY: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let binary = BINARY.get_or_init(|| match env::var_os(CHOSEN) {
        Some(chosen) => Ok(chosen.into()),
        None => build().map_err(|error| format!("{error:#}")),
    });
    binary.as_deref().map_err(|error| anyhow!("no binary to run replicas of: {error}"))
}

/// Builds it in the profile of the tests, and takes its path from cargo's own report.
fn build() -> Result<PathBuf> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command
        .args(["build", "--package", "tollgate-server", "--bin", "tollgate"])
        .arg("--message-format=json-render-diagnostics")
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
        .stderr(Stdio::inherit());
    if !cfg!(debug_assertions) {
        command.arg("--release");
    }
    let output = command.output().context("cannot run cargo")?;
    ensure!(output.status.success(), "cargo build: {}", output.status);
    let report = String::from_utf8(output.stdout).context("cargo reports in UTF-8")?;
    report.lines().find_map(executable).context("cargo built no binary `tollgate`")
}

fn executable(line: &str) -> Option<PathBuf> {
    let message: Value = serde_json::from_str(line).ok()?;
    let is_it = message.pointer("/target/name")? == "tollgate" && message.pointer("/target/kind/0")? == "bin";
    is_it.then(|| message.get("executable")?.as_str().map(PathBuf::from)).flatten()
}
