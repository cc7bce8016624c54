//! `--dry-run`: what a change of the policy would come to, as tables for people.

use std::fmt::Write as _;

use anyhow::{Context, Result};
use clap::Args;
use hyper::Response;
use hyper::body::Bytes;
use serde_json::Value;

use super::columns::columns;
use super::length;
use super::plain::plain;
use super::policy_diff::cell;

/// Whether a change is only to be shown, and how.
#[derive(Args, Debug)]
pub(super) struct DryRun {
    /// Change nothing: show what would change, for which buckets, and what the last hour's usage would have met
    #[arg(long)]
    dry_run: bool,
    /// With --dry-run: as the service gives it, in JSON
    #[arg(long, requires = "dry_run")]
    json: bool,
}

impl DryRun {
    /// Where the change is asked for.
    pub(super) fn target(&self, change: &str) -> String {
        format!("{change}{}", if self.dry_run { "?dry_run=true" } else { "" })
    }

    /// What the answer says of a change that was made, or would have been.
    pub(super) fn shown(&self, answer: &Response<Bytes>, made: impl FnOnce() -> String) -> Result<String> {
        if !self.dry_run {
            return Ok(made());
        }
        if self.json {
            return Ok(String::from_utf8_lossy(answer.body()).into_owned() + "\n");
        }
        let told: Value = serde_json::from_slice(answer.body()).context("the answer is no JSON")?;
        tables(&told)
    }
}

fn tables(told: &Value) -> Result<String> {
    if !told["changed"].as_bool().context("the answer does not say whether anything would change")? {
        return Ok("it is the policy in force\n".to_owned());
    }
    let mut text = format!("it would be version {}\n", told["version"]);
    table(&mut text, "What it says", ["FIELD", "NOW", "THEN"], changes(&told["changes"]));
    let heads = ["LIMIT", "KEY", "MEASURE", "NOW", "THEN", "WAIT"];
    table(&mut text, "Buckets", heads, rows(&told["buckets"]).map(bucket).collect());
    if told["buckets_cut"] == true {
        text += "There are more buckets, or too many to look at all of them.\n";
    }
    what_if(&mut text, &told["what_if"]);
    Ok(text)
}

/// A table with its title, if it has a line.
fn table<const N: usize>(text: &mut String, title: &str, heads: [&str; N], lines: Vec<[String; N]>) {
    if lines.is_empty() {
        return;
    }
    let heads = heads.map(str::to_owned);
    let lines: Vec<_> = std::iter::once(heads).chain(lines).collect();
    let _ = write!(text, "\n{title}\n{}", columns(&lines));
}

fn rows(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}

fn name(row: &Value, field: &str) -> String {
    plain(row[field].as_str().unwrap_or_default())
}

fn changes(changes: &Value) -> Vec<[String; 3]> {
    let line = |field: String, row: &Value| [field, cell(row.get("now")), cell(row.get("then"))];
    let mut lines = Vec::new();
    for limit in rows(&changes["limits"]) {
        let place = format!("limit[{}]", name(limit, "limit"));
        if limit["change"] == "removed" {
            lines.push([place, "there".to_owned(), "-".to_owned()]);
            continue;
        }
        lines.extend(rows(&limit["fields"]).map(|row| line(format!("{place}.{}", name(row, "field")), row)));
    }
    for (list, field) in [("overrides", "override"), ("weights", "weight")] {
        let place = |row: &Value| format!("limit[{}].{field}[{}]", name(row, "limit"), name(row, "key"));
        lines.extend(rows(&changes[list]).map(|row| line(place(row), row)));
    }
    lines.extend(rows(&changes["others"]).map(|row| line(name(row, "field"), row)));
    lines
}

fn bucket(row: &Value) -> [String; 6] {
    let fill = |fill: &Value| match (fill["remaining"].as_u64(), fill["burst"].as_u64()) {
        (Some(remaining), Some(burst)) => format!("{remaining}/{burst}"),
        _ => "-".to_owned(),
    };
    let wait = match (row["waits"].as_bool(), row["wait_ms"].as_u64()) {
        (Some(true), Some(ms)) => length::shown_ms(ms),
        (Some(true), None) => "?".to_owned(),
        _ => "-".to_owned(),
    };
    let names = ["limit", "key", "measure"].map(|field| name(row, field));
    let [limit, key, measure] = names;
    [limit, key, measure, fill(&row["now"]), fill(&row["then"]), wait]
}

fn what_if(text: &mut String, what_if: &Value) {
    let heads =
        ["LIMIT", "KEY", "MEASURE", "GRANTED", "COST", "OVER", "MINUTES OVER", "BUSIEST", "NOW", "THEN"];
    let title = format!("What was granted from {} to {}", name(what_if, "from"), name(what_if, "to"));
    table(text, &title, heads, rows(&what_if["rows"]).map(held).collect());
    if what_if["rows_cut"] == true {
        *text += "There are more keys.\n";
    }
    for row in rows(&what_if["unjudged"]) {
        let measure = name(row, "measure");
        let _ = writeln!(text, "Unknown at {}, {measure}: {}", name(row, "limit"), why(row));
    }
    if what_if["complete_until"].is_null() && rows(&what_if["rows"]).next().is_some() {
        *text += "How much of it is in the books is not known yet.\n";
    }
}

/// A row of the usage, with its busiest minute as a share of what can be granted in one.
fn held(row: &Value) -> [String; 10] {
    let percent = |share: &Value| share.as_u64().map_or("-".to_owned(), |share| format!("{share}%"));
    let [limit, key, measure] = ["limit", "key", "measure"].map(|field| name(row, field));
    let [granted, cost, over, minutes, busiest] =
        ["granted", "cost", "cost_over", "minutes_over", "busiest_cost"].map(|field| row[field].to_string());
    let (now, then) = (percent(&row["share_now_percent"]), percent(&row["share_then_percent"]));
    [limit, key, measure, granted, cost, over, minutes, busiest, now, then]
}

fn why(row: &Value) -> String {
    match row["reason"].as_str() {
        Some("in_flight") => "the books do not tell how long calls were in flight".to_owned(),
        Some("not_counted") => "no limit in force counts the same calls per the same values".to_owned(),
        Some("others") => "some keys have no row of their own in the books".to_owned(),
        Some("changed_lately") => "what it counts was changed too lately".to_owned(),
        other => plain(other.unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn tables_show_what_would_change() {
        let told = json!({"changed": true, "version": 4,
            "changes": {"limits": [
                {"limit": "org", "change": "changed", "fields": [{"field": "rate", "now": "1/s", "then": "2/s"}]},
                {"limit": "gone", "change": "removed", "fields": [{"field": "rate", "now": "1/s"}]}],
                "overrides": [{"limit": "org", "key": "acme", "then": {"burst": 3}}], "weights": [], "others": []},
            "buckets": [{"limit": "org", "key": "a\u{1b}", "measure": "tokens", "waits": true, "wait_ms": 1_050,
                "now": {"remaining": 3, "burst": 10}, "then": {"remaining": 0, "burst": 5}}],
            "buckets_cut": true,
            "what_if": {"from": "F", "to": "T", "rows_cut": false, "rows": [{"limit": "org", "key": "acme", "measure": "tokens",
                "granted": 5, "cost": 9, "cost_over": 2, "minutes_over": 1, "busiest_cost": 7, "share_then_percent": 140}],
                "unjudged": [{"limit": "exports", "measure": "in_flight", "reason": "in_flight"}]}});
        let text = tables(&told).expect("tables");
        let lines: Vec<Vec<&str>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
        for expected in [
            vec!["limit[org].rate", "1/s", "2/s"],
            vec!["limit[gone]", "there", "-"],
            vec!["limit[org].override[acme]", "-", "{\"burst\":3}"],
            vec!["org", "a\\u{1b}", "tokens", "3/10", "0/5", "1.05", "s"],
            vec!["org", "acme", "tokens", "5", "9", "2", "1", "7", "-", "140%"],
        ] {
            assert!(lines.contains(&expected), "{expected:?} is not in\n{text}");
        }
        for expected in ["version 4", "There are more buckets", "Unknown at exports", "not known yet"] {
            assert!(text.contains(expected), "{expected} is not in\n{text}");
        }
        let same = json!({"changed": false, "version": 4});
        assert_eq!(tables(&same).expect("a text"), "it is the policy in force\n");
    }
}
