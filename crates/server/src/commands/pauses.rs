//! `tollgate pause` and `tollgate resume`: a bucket lets nothing pass for a time, or goes on.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Args;
use hyper::Method;
use serde_json::{Value, json};

use super::by::By;
use super::plain::plain;
use super::service::{Ask, Place, query};
use super::{carried_out, length};

const PAUSE_EXAMPLES: &str = "\
Examples:
  tollgate pause org acme --for 30m --reason maintenance
      No call of acme passes the limit org for half an hour, in any replica.

Exit codes: 0 done, 1 the service can't be asked or refuses it, 2 the command line is wrong.";

const RESUME_EXAMPLES: &str = "\
Examples:
  tollgate resume org acme
      Ends the pause of acme at the limit org, also one that the provider has asked for.

Exit codes: 0 done, 1 the service can't be asked or refuses it, 2 the command line is wrong.";

/// What a service takes.
const LONGEST: Duration = Duration::from_secs(31 * 86_400);

/// Let nothing pass a bucket for a time, in any replica
#[derive(Args, Debug)]
#[command(after_long_help = PAUSE_EXAMPLES)]
pub(crate) struct PauseArguments {
    #[command(flatten)]
    bucket: Bucket,
    /// For how long, such as 90s, 10m, 24h or 7d, up to 31d; a pause that ends later stays
    #[arg(long = "for", value_name = "LENGTH", value_parser = pause)]
    pause: Duration,
    #[command(flatten)]
    by: By,
    #[command(flatten)]
    place: Place,
}

/// End the pause of a bucket, whoever has begun it
#[derive(Args, Debug)]
#[command(after_long_help = RESUME_EXAMPLES)]
pub(crate) struct ResumeArguments {
    #[command(flatten)]
    bucket: Bucket,
    #[command(flatten)]
    by: By,
    #[command(flatten)]
    place: Place,
}

/// Which bucket.
#[derive(Args, Debug)]
struct Bucket {
    /// The limit's name
    limit: String,
    /// The key: the values that the limit is counted per, joined by '/'; "" for a limit that is counted per nothing
    key: String,
}

/// Pauses a bucket, and says until when.
pub(crate) fn pause_bucket(arguments: &PauseArguments) -> ExitCode {
    carried_out(&arguments.place, async |service| {
        let Bucket { limit, key } = &arguments.bucket;
        let for_ms = u64::try_from(arguments.pause.as_millis()).unwrap_or(u64::MAX);
        let body = json!({"limit": limit, "key": key, "for_ms": for_ms}).to_string().into_bytes();
        let headers = arguments.by.headers();
        let body = Some(("application/json", body));
        let answer =
            service.ask(Ask { method: Method::POST, target: "/pauses", headers: &headers, body }).await?;
        let paused: Value = serde_json::from_slice(answer.body()).context("the answer is no JSON")?;
        let length = length::shown_ms(paused["paused_for_ms"].as_u64().context("the answer has no time")?);
        Ok(format!("{}:{} is paused for {length}\n", plain(limit), plain(key)))
    })
}

/// Ends a pause, and says so.
pub(crate) fn resume_bucket(arguments: &ResumeArguments) -> ExitCode {
    carried_out(&arguments.place, async |service| {
        let Bucket { limit, key } = &arguments.bucket;
        let target = format!("/pauses{}", query(&[("limit", limit.clone()), ("key", key.clone())]));
        let headers = arguments.by.headers();
        let ask = Ask { method: Method::DELETE, target: &target, headers: &headers, body: None };
        let answer: Value =
            serde_json::from_slice(service.ask(ask).await?.body()).context("the answer is no JSON")?;
        let was_paused =
            answer["resumed"].as_bool().context("the answer does not say whether it was paused")?;
        let (limit, key) = (plain(limit), plain(key));
        Ok(if was_paused {
            format!("nothing pauses {limit}:{key} now\n")
        } else {
            format!("nothing has paused {limit}:{key}\n")
        })
    })
}

fn pause(text: &str) -> Result<Duration> {
    let length = length::parse(text).filter(|length| !length.is_zero() && *length <= LONGEST);
    length.context("expected a length such as 90s, 10m, 24h or 7d, up to 31d")
}
