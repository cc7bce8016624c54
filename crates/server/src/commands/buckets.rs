//! `tollgate buckets`: how full the buckets are, asked of a running service.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use serde_json::Value;

use super::bucket_filter::BucketFilter;
use super::carried_out;
use super::columns::columns;
use super::length;
use super::pages::Paged;
use super::plain::plain;
use super::service::{Place, Service};

const EXAMPLES: &str = "\
Examples:
  tollgate buckets
      The buckets in use: not full, or full since the last sweep.
  tollgate buckets org
      Those of one limit.
  tollgate buckets org acme --json
      Those of one key, full or not, as a line of JSON each.

Exit codes: 0 done, 1 the service can't be asked or refuses it, 2 the command line is wrong.";

/// Show how full buckets are, which are paused, and which go slower than the policy says
#[derive(Args, Debug)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[command(flatten)]
    filter: BucketFilter,
    /// Most buckets that are shown
    #[arg(long, value_name = "NUMBER", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    count: u32,
    /// Buckets as the service gives them, a line of JSON each
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Place,
}

/// Buckets by limit, key and measure.
type Found = BTreeMap<(String, String, String), Value>;

/// Prints the buckets on standard output.
pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    carried_out(&arguments.place, async |service| {
        let (found, is_all) = collected(arguments, service).await?;
        let rows = found.values().take(usize::try_from(arguments.count)?);
        if arguments.json {
            return Ok(rows.fold(String::new(), |lines, row| lines + &row.to_string() + "\n"));
        }
        let table = table(rows);
        Ok(if is_all { table } else { table + "There are more: give a limit, or a larger --count.\n" })
    })
}

/// The pages up to the last one, or until there is enough. Whether that is all there is.
async fn collected(arguments: &Arguments, service: &Service) -> Result<(Found, bool)> {
    let most = usize::try_from(arguments.count)?;
    let mut found = Found::new();
    let query = [("limit", arguments.filter.limit()), ("key", arguments.filter.key())];
    let paged = Paged { target: "/buckets", query: &query, rows: "buckets" };
    let is_all = paged.read(service, |page| {
        for bucket in page {
            let text = |name: &str| bucket[name].as_str().unwrap_or_default().to_owned();
            // One that was on an earlier page too is as it was told last.
            found.insert((text("limit"), text("key"), text("measure")), bucket.clone());
        }
        if found.len() > most { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    let is_all = is_all.await?;
    let is_all = is_all && found.len() <= most;
    Ok((found, is_all))
}

fn table<'a>(rows: impl Iterator<Item = &'a Value>) -> String {
    let heads = ["LIMIT", "KEY", "MEASURE", "LEFT", "RESET", "PAUSED", "PACE"];
    let mut lines = vec![heads.map(str::to_owned)];
    lines.extend(rows.map(|row| {
        let text = |name: &str| plain(row[name].as_str().unwrap_or_default());
        let number = |name: &str| row[name].as_u64().unwrap_or_default();
        [
            text("limit"),
            text("key"),
            text("measure"),
            format!("{}/{}", number("remaining"), number("burst")),
            length::shown_ms(number("reset_after_ms")),
            row["paused_for_ms"].as_u64().map_or("-".to_owned(), length::shown_ms),
            format!("{}%", row["pace_percent"].as_u64().unwrap_or(100)),
        ]
    }));
    columns(&lines)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_bucket_is_a_line() {
        let rows = [
            json!({"limit": "org", "key": "a\u{1b}", "measure": "tokens", "burst": 10, "remaining": 3, "reset_after_ms": 1_050,
                "paused_for_ms": 30_000, "pace_percent": 50}),
            json!({"limit": "all", "key": "", "measure": "in_flight", "burst": 2, "remaining": 2, "reset_after_ms": 0}),
        ];
        let text = table(rows.iter());
        let lines: Vec<Vec<&str>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(lines[1], ["org", "a\\u{1b}", "tokens", "3/10", "1.05", "s", "30", "s", "50%"]);
        assert_eq!(lines[2], ["all", "in_flight", "2/2", "0", "s", "-", "100%"]);
    }
}
