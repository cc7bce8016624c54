//! `tollgate policy diff`: what a file would change of the policy of a running service.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use serde_json::{Value, json};
use tollgate::policy::{Difference, differences};

use super::columns::columns;
use super::plain::plain;
use super::service::{Ask, Place};
use super::{USAGE, carried_out_to, failed};
use crate::policy_file;

/// The file says something else than the policy in force.
const DIFFERS: u8 = 3;

/// What the command line says.
#[derive(Args, Debug)]
pub(super) struct Arguments {
    /// The file, .toml or .json
    file: PathBuf,
    /// In JSON: `differences`, each with `field`, and `now` and `then` where it is there
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Place,
}

/// Shows each field that differs, as it is now and as it would be then.
pub(super) fn run(arguments: &Arguments) -> ExitCode {
    let file = match policy_file::read(&arguments.file) {
        Ok(file) => file,
        Err(error) => return failed(&error.into(), USAGE),
    };
    carried_out_to(&arguments.place, async |service| {
        let then: Value = serde_json::from_str(&file.to_json()).context("the file's policy is no JSON")?;
        let answer = service.ask(Ask { target: "/policy", ..Ask::default() }).await?;
        let now: Value = serde_json::from_slice(answer.body()).context("the answer is no JSON")?;
        let found = differences(&now, &then);
        let code = if found.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(DIFFERS) };
        Ok((if arguments.json { as_json(&found) } else { table(&found) }, code))
    })
}

fn as_json(found: &[Difference]) -> String {
    let found = found.iter().map(|one| {
        let mut told = json!({"field": one.field});
        for (name, value) in [("now", &one.now), ("then", &one.then)] {
            if let Some(value) = value {
                told[name] = value.clone();
            }
        }
        told
    });
    format!("{}\n", json!({"differences": found.collect::<Vec<_>>()}))
}

fn table(found: &[Difference]) -> String {
    if found.is_empty() {
        return "it is the policy in force\n".to_owned();
    }
    let mut lines = vec![["FIELD", "NOW", "THEN"].map(str::to_owned)];
    lines
        .extend(found.iter().map(|one| [plain(&one.field), cell(one.now.as_ref()), cell(one.then.as_ref())]));
    columns(&lines)
}

/// A text without its quotes, `-` for what is not there.
pub(super) fn cell(value: Option<&Value>) -> String {
    match value {
        None => "-".to_owned(),
        Some(Value::String(text)) => plain(text),
        Some(other) => plain(&other.to_string()),
    }
}
