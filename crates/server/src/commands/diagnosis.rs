//! `tollgate diagnosis`: why calls are slow or refused, asked of a running service.

use std::fmt::Write as _;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Args;
use serde_json::Value;

use super::carried_out_to;
use super::plain::plain;
use super::service::{Ask, Place, query};

/// Calls are held up or refused now.
const HELD_UP: u8 = 3;

const EXAMPLES: &str = "\
Examples:
  tollgate diagnosis
      What holds calls up, the severest first, and what to do about it.
  tollgate diagnosis --org acme
      What can hold up calls of acme: its own buckets, and those that it shares.
  tollgate diagnosis --limit platform --json
      What there is about one limit, and about all calls, as the service gives it.

Exit codes: 0 nothing holds calls up now, whatever else was found, 1 the service can't be asked or
refuses it, 2 the command line is wrong, 3 something of severity `high` was found: calls are held
up or refused now.";

/// Say why calls are slow or refused, and what to do about it
#[derive(Args, Debug)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// What can hold up calls of this organisation
    #[arg(long)]
    org: Option<String>,
    /// Only this limit, beside what holds up all calls
    #[arg(long)]
    limit: Option<String>,
    /// The answer of the service, as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Place,
}

/// Prints what was found on standard output.
pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    carried_out_to(&arguments.place, async |service| {
        let given = [("org", &arguments.org), ("limit", &arguments.limit)];
        let pairs: Vec<_> =
            given.into_iter().filter_map(|(name, value)| Some((name, value.clone()?))).collect();
        let target = format!("/diagnosis{}", query(&pairs));
        let answer = service.ask(Ask { target: &target, ..Ask::default() }).await?;
        let answer: Value = serde_json::from_slice(answer.body()).context("the answer is no JSON")?;
        let (said, is_high) = said(&answer)?;
        let said = if arguments.json { format!("{answer}\n") } else { said };
        Ok((said, if is_high { ExitCode::from(HELD_UP) } else { ExitCode::SUCCESS }))
    })
}

/// A paragraph for each finding, and whether any of them is of the highest severity.
fn said(answer: &Value) -> Result<(String, bool)> {
    let findings = answer["findings"].as_array().context("the answer has no findings")?;
    let mut said = String::new();
    for finding in findings {
        let text = |name: &str| plain(finding[name].as_str().unwrap_or_default());
        let _ = write!(said, "{:6}  {}", text("severity"), text("text"));
        if let Some(since) = finding["since"].as_str() {
            let _ = write!(said, " Since {}.", plain(since));
        }
        let busiest = finding["busiest"].as_array().into_iter().flatten().map(|busy| {
            let org = plain(busy["org"].as_str().unwrap_or_default());
            format!("{org} ({})", busy["cost"].as_i64().unwrap_or_default())
        });
        let busiest: Vec<String> = busiest.collect();
        if !busiest.is_empty() {
            let _ = write!(said, " Most tokens in the last minutes: {}.", busiest.join(", "));
        }
        said.push('\n');
    }
    if findings.is_empty() {
        said.push_str("healthy: nothing holds calls up\n");
    }
    if answer["is_cut"] == true {
        said.push_str("There is more than was looked at or told: give a limit.\n");
    }
    let is_high = findings.iter().any(|finding| finding["severity"] == "high");
    Ok((said, is_high))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_finding_is_a_line_and_the_severest_decide_the_exit_code() -> Result<()> {
        let low = json!({"severity": "low", "kind": "learned", "figures": {}, "text": "limit x\u{1b} was learned."});
        let high = json!({"severity": "high", "kind": "waiting", "figures": {}, "text": "calls wait.", "since": "T",
            "busiest": [{"org": "acme", "granted": 3, "cost": 4}]});
        let told = said(&json!({"findings": [low], "is_cut": false}))?;
        assert_eq!(told, ("low     limit x\\u{1b} was learned.\n".to_owned(), false));
        let (text, is_high) = said(&json!({"findings": [high], "is_cut": true}))?;
        assert!(
            is_high && text.contains("calls wait. Since T. Most tokens in the last minutes: acme (4).\n"),
            "{text}"
        );
        assert!(text.ends_with("There is more than was looked at or told: give a limit.\n"), "{text}");
        assert_eq!(said(&json!({"findings": []}))?, ("healthy: nothing holds calls up\n".to_owned(), false));
        Ok(())
    }
}
