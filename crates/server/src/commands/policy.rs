//! `tollgate policy`: the policy of a running service, its versions, and the way back to one.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use hyper::body::Bytes;
use hyper::{Method, Response};
use serde_json::{Value, json};

use super::by::By;
use super::columns::columns;
use super::dry_run::DryRun;
use super::indented::indented;
use super::plain::plain;
use super::service::{Ask, Place, Service, header_of};
use super::{USAGE, carried_out, failed, policy_diff};

const EXAMPLES: &str = "\
Examples:
  tollgate policy get > genesys.json
      The policy in force.
  tollgate policy apply genesys.json --reason 'a higher tier for acme'
      Puts a file into force, TOML or JSON, after the policy that is in force now.
  tollgate policy apply genesys.json --dry-run
      Changes nothing: shows what would change, for which buckets, and what the last hour's usage
      would have met.
  tollgate policy diff genesys.json
      What the file would change, field by field.
  tollgate policy versions
      Who has changed it, when and what for.
  tollgate policy rollback 7
      Puts what version 7 said into force again.

Exit codes: 0 done, 1 the service can't be asked or refuses it, 2 the command line is wrong, or a
file can't be read. Of `diff` 0 the file is the policy in force, 2 it is no policy, 3 it differs.";

/// Show and change the policy of a running service
#[derive(Args, Debug)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show the policy in force, or one of its versions
    Get(GetArguments),
    /// Put a file into force
    Apply(ApplyArguments),
    /// Show what a file would change: exit code 0 nothing, 3 something
    Diff(policy_diff::Arguments),
    /// Show the last hundred versions, the newest first
    Versions(VersionsArguments),
    /// Put an earlier version into force again, as a new one
    Rollback(RollbackArguments),
}

#[derive(Args, Debug)]
struct GetArguments {
    /// Which version [default: the one in force]
    version: Option<u64>,
    #[command(flatten)]
    place: Place,
}

#[derive(Args, Debug)]
struct ApplyArguments {
    /// The file, .toml or .json
    file: PathBuf,
    /// Only if the policy in force is this one, by its tag [default: whichever is in force now]
    #[arg(long, value_name = "TAG")]
    if_match: Option<String>,
    #[command(flatten)]
    dry_run: DryRun,
    #[command(flatten)]
    by: By,
    #[command(flatten)]
    place: Place,
}

#[derive(Args, Debug)]
struct VersionsArguments {
    /// As the service gives them, in JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Place,
}

#[derive(Args, Debug)]
struct RollbackArguments {
    /// The version that is to come back
    version: u64,
    /// Only if the policy in force is this one, by its tag [default: whichever is in force now]
    #[arg(long, value_name = "TAG")]
    if_match: Option<String>,
    #[command(flatten)]
    dry_run: DryRun,
    #[command(flatten)]
    by: By,
    #[command(flatten)]
    place: Place,
}

/// A policy as it stands in a file.
struct Document {
    media_type: &'static str,
    bytes: Vec<u8>,
}

/// Does it, and says what came of it on standard output.
pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    match &arguments.command {
        Command::Get(get) => carried_out(&get.place, async |service| shown(get, service).await),
        Command::Apply(apply) => match Document::read(&apply.file) {
            Err(error) => failed(&error, USAGE),
            Ok(document) => {
                carried_out(&apply.place, async |service| applied(apply, document, service).await)
            }
        },
        Command::Diff(diff) => policy_diff::run(diff),
        Command::Versions(versions) => {
            carried_out(&versions.place, async |service| listed(versions, service).await)
        }
        Command::Rollback(back) => carried_out(&back.place, async |service| rolled_back(back, service).await),
    }
}

async fn shown(GetArguments { version, .. }: &GetArguments, service: &Service) -> Result<String> {
    let target = version.map_or("/policy".to_owned(), |version| format!("/policy/versions/{version}"));
    let answer = service.ask(Ask { target: &target, ..Ask::default() }).await?;
    let _: Value = serde_json::from_slice(answer.body()).context("the answer is no JSON")?;
    Ok(indented(&String::from_utf8_lossy(answer.body())) + "\n")
}

async fn applied(arguments: &ApplyArguments, document: Document, service: &Service) -> Result<String> {
    let mut headers = arguments.by.headers();
    headers.push(("if-match", condition(arguments.if_match.as_deref(), service).await?));
    let target = &arguments.dry_run.target("/policy");
    let body = Some((document.media_type, document.bytes));
    let answer = service.ask(Ask { method: Method::PUT, target, headers: &headers, body }).await?;
    arguments.dry_run.shown(&answer, || in_force(&answer))
}

async fn listed(arguments: &VersionsArguments, service: &Service) -> Result<String> {
    let answer = service.ask(Ask { target: "/policy/versions", ..Ask::default() }).await?;
    if arguments.json {
        return Ok(String::from_utf8_lossy(answer.body()).into_owned() + "\n");
    }
    let answer: Value = serde_json::from_slice(answer.body()).context("the answer is no JSON")?;
    let versions = answer["versions"].as_array().context("the answer has no versions")?;
    let heads = ["VERSION", "WRITTEN AT", "TAG", "AUTHOR", "REASON"].map(str::to_owned);
    Ok(columns(&std::iter::once(heads).chain(versions.iter().map(line)).collect::<Vec<_>>()))
}

/// A version as a line for people.
fn line(version: &Value) -> [String; 5] {
    let text = |name: &str| plain(version[name].as_str().unwrap_or_default());
    let number = version["version"].as_u64().unwrap_or_default();
    [number.to_string(), text("written_at"), text("tag"), text("author"), text("reason")]
}

async fn rolled_back(arguments: &RollbackArguments, service: &Service) -> Result<String> {
    let mut headers = arguments.by.headers();
    headers.push(("if-match", condition(arguments.if_match.as_deref(), service).await?));
    let body = Some(("application/json", json!({"version": arguments.version}).to_string().into_bytes()));
    let target = &arguments.dry_run.target("/policy/rollback");
    let answer = service.ask(Ask { method: Method::POST, target, headers: &headers, body }).await?;
    arguments.dry_run.shown(&answer, || in_force(&answer))
}

fn in_force(answer: &Response<Bytes>) -> String {
    let version = header_of(answer, "tollgate-policy-version").unwrap_or_default();
    format!("version {} is in force\n", plain(&version))
}

/// The tag of the policy that a change is to follow.
async fn condition(given: Option<&str>, service: &Service) -> Result<String> {
    if let Some(tag) = given {
        return Ok(format!("\"{}\"", tag.trim_matches('"')));
    }
    let answer = service.ask(Ask { target: "/policy", ..Ask::default() }).await?;
    header_of(&answer, "etag").context("the policy has no tag")
}

impl Document {
    /// What is wrong in it the service tells.
    fn read(file: &Path) -> Result<Self> {
        let media_type = match file.extension().and_then(|extension| extension.to_str()) {
            Some("toml") => "application/toml",
            Some("json") => "application/json",
            _ => bail!("{}: expected a file that ends in .toml or .json", file.display()),
        };
        let bytes = std::fs::read(file).with_context(|| format!("can't read {}", file.display()))?;
        Ok(Self { media_type, bytes })
    }
}
