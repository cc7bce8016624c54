//! `tollgate waiters`: who waits where, asked of a running service.

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
  tollgate waiters
      Everybody who waits, in the order of their turns at each bucket.
  tollgate waiters platform
      Those at one limit.
  tollgate waiters --org acme --json
      Where acme waits, as a line of JSON for each bucket.

A line whose organisation is `*` stands for a bucket of which only the queue is known: who waits
there has asked more than a minute ago.

Exit codes: 0 done, 1 the service can't be asked or refuses it, 2 the command line is wrong.";

/// Show who waits where, since when, and how long that will take
#[derive(Args, Debug)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[command(flatten)]
    filter: BucketFilter,
    /// Only this organisation
    #[arg(long)]
    org: Option<String>,
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
type Found = BTreeMap<[String; 3], Value>;

/// Prints who waits on standard output.
pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    carried_out(&arguments.place, async |service| {
        let (found, is_all) = collected(arguments, service).await?;
        let rows = found.values().take(usize::try_from(arguments.count)?);
        if arguments.json {
            return Ok(rows.fold(String::new(), |lines, row| lines + &row.to_string() + "\n"));
        }
        let table = if found.is_empty() { "Nobody waits.\n".to_owned() } else { table(rows) };
        Ok(if is_all { table } else { table + "There are more: give a limit, or a larger --count.\n" })
    })
}

async fn collected(arguments: &Arguments, service: &Service) -> Result<(Found, bool)> {
    let most = usize::try_from(arguments.count)?;
    let mut found = Found::new();
    let query = [
        ("limit", arguments.filter.limit()),
        ("key", arguments.filter.key()),
        ("org", arguments.org.as_ref()),
    ];
    let paged = Paged { target: "/waiters", query: &query, rows: "waiters" };
    let is_all = paged.read(service, |page| {
        for bucket in page {
            add(&mut found, bucket);
        }
        if found.len() > most { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    let is_all = is_all.await?;
    let is_all = is_all && found.len() <= most;
    Ok((found, is_all))
}

/// One that was on an earlier page too has those who wait there from both.
fn add(found: &mut Found, bucket: &Value) {
    let place = ["limit", "key", "measure"].map(|name| bucket[name].as_str().unwrap_or_default().to_owned());
    let mut bucket = bucket.clone();
    if let Some(before) = found.get(&place) {
        let who = |waiting: &Value| (waiting["org"].clone(), waiting["priority"].clone());
        let mut orgs = bucket["orgs"].as_array().cloned().unwrap_or_default();
        let earlier = before["orgs"].as_array().into_iter().flatten();
        let earlier: Vec<Value> =
            earlier.filter(|one| orgs.iter().all(|other| who(one) != who(other))).cloned().collect();
        orgs.extend(earlier);
        orgs.sort_by_key(|waiting| waiting["ahead"].as_u64());
        bucket["orgs"] = orgs.into();
    }
    found.insert(place, bucket);
}

fn table<'a>(rows: impl Iterator<Item = &'a Value>) -> String {
    let heads = ["LIMIT", "KEY", "MEASURE", "SINCE", "ORG", "PRIORITY", "WANTS", "AHEAD", "EXPECTED"];
    let mut lines = vec![heads.map(str::to_owned)];
    for bucket in rows {
        let text = |row: &Value, name: &str| plain(row[name].as_str().unwrap_or_default());
        let number = |row: &Value, name: &str| row[name].as_u64().unwrap_or_default();
        let expected = |row: &Value| row["expected_in_ms"].as_u64().map_or("-".to_owned(), length::shown_ms);
        let line = |row: &Value, who: [String; 2], ahead: u64| {
            let [org, priority] = who;
            let [limit, key, measure, since] =
                ["limit", "key", "measure", "since"].map(|name| text(bucket, name));
            let (wants, ahead) = (number(row, "tokens").to_string(), ahead.to_string());
            [limit, key, measure, since, org, priority, wants, ahead, expected(row)]
        };
        let orgs = bucket["orgs"].as_array().map(Vec::as_slice).unwrap_or_default();
        if orgs.is_empty() {
            lines.push(line(bucket, ["*".to_owned(), "-".to_owned()], 0));
        }
        let who = |waiting: &Value| [text(waiting, "org"), text(waiting, "priority")];
        lines.extend(orgs.iter().map(|waiting| line(waiting, who(waiting), number(waiting, "ahead"))));
    }
    columns(&lines)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn who_is_on_two_pages_is_told_once() {
        let bucket = |orgs: Value| {
            json!({"limit": "all", "key": "", "measure": "tokens", "since": "2026-11-26T07:00:00Z", "tickets": 2, "tokens": 3,
                "expected_in_ms": 1_500, "orgs": orgs})
        };
        let acme =
            json!({"org": "a\u{1b}", "priority": "batch", "tokens": 2, "ahead": 1, "expected_in_ms": 1_500});
        let globex = json!({"org": "globex", "priority": "normal", "tokens": 1, "ahead": 0});
        let mut found = Found::new();
        add(&mut found, &bucket(json!([acme])));
        add(&mut found, &bucket(json!([acme, globex])));
        let text = table(found.values());
        let lines: Vec<Vec<&str>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(lines.len(), 3, "{text}");
        assert_eq!(lines[1], ["all", "tokens", "2026-11-26T07:00:00Z", "globex", "normal", "1", "0", "-"]);
        assert_eq!(lines[2][3..], ["a\\u{1b}", "batch", "2", "1", "1.5", "s"]);
        let text = table([bucket(json!([]))].iter());
        assert!(
            text.lines().nth(1).is_some_and(|line| line.contains(" *  ") && line.ends_with("1.5 s")),
            "{text}"
        );
    }
}
