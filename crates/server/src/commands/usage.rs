//! `tollgate usage`: who has used what, asked of a running service.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use jiff::Timestamp;
use serde_json::Value;

use super::columns::columns;
use super::plain::plain;
use super::service::{Ask, Place, query};
use super::{carried_out, length, time};

/// Longest span that is asked for by the minute, unless it is said.
const MINUTES_MOST: Duration = Duration::from_secs(3 * 3_600);

const EXAMPLES: &str = "\
Examples:
  tollgate usage
      What each key of each limit has used in the last hour, the busiest first.
  tollgate usage --from 24h --by org
      What each organisation has used since yesterday.
  tollgate usage --from 2h --limit token --each --json
      Every minute of a limit, as a line of JSON for each key.

Exit codes: 0 done, 1 the service can't be asked or refuses it, 2 the command line is wrong.";

/// Show who has used what: calls granted and their cost, refused, made to wait, and refused by the provider
#[derive(Args, Debug)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// From when on: a time such as 2026-11-26T07:00:00Z, or how long ago, such as 90m or 7d, up to 30d
    #[arg(long, value_name = "TIME", value_parser = time::read, default_value = "1h")]
    from: Timestamp,
    /// Up to when, written as --from [default: now]
    #[arg(long, value_name = "TIME", value_parser = time::read)]
    to: Option<Timestamp>,
    /// What there is a row for
    #[arg(long, value_enum, default_value_t = By::Key)]
    by: By,
    /// Only this limit
    #[arg(long)]
    limit: Option<String>,
    /// Only this key
    #[arg(long)]
    key: Option<String>,
    /// By the minute (kept for 48 hours) or by the hour (30 days) [default: minute up to three hours]
    #[arg(long, value_enum)]
    step: Option<Step>,
    /// Each minute or hour, and not all of the time together
    #[arg(long)]
    each: bool,
    /// Rows as the service gives them, a line of JSON each
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Place,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum By {
    /// Each key of each limit
    Key,
    /// Each limit
    Limit,
    /// Each organisation
    Org,
    /// Each OAuth client
    Client,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Step {
    Minute,
    Hour,
}

/// Prints what was used on standard output.
pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    carried_out(&arguments.place, async |service| {
        let target = format!("/usage{}", query(&arguments.query()?));
        let answer = service.ask(Ask { target: &target, ..Ask::default() }).await?;
        let answer: Value = serde_json::from_slice(answer.body()).context("the answer is no JSON")?;
        let rows = answer["rows"].as_array().context("the answer has no rows")?;
        if arguments.json {
            return Ok(rows.iter().fold(String::new(), |lines, row| lines + &row.to_string() + "\n"));
        }
        let rows: Vec<Row> = rows.iter().map(Row::of).collect();
        let rows = if arguments.each { rows } else { summed(rows) };
        Ok(table(&rows, arguments.each, answer["complete_until"].as_str()))
    })
}

impl Arguments {
    fn query(&self) -> Result<Vec<(&'static str, String)>> {
        let to = self.to.map_or_else(time::now, Ok)?;
        let span = Duration::try_from(to.duration_since(self.from)).unwrap_or_default();
        let step = self.step.unwrap_or(if span <= MINUTES_MOST { Step::Minute } else { Step::Hour });
        let mut query = vec![("from", self.from.to_string()), ("step", word(&step)), ("by", word(&self.by))];
        // Else it is for the service to say, whose store may be ahead of this machine.
        query.extend(self.to.map(|to| ("to", to.to_string())));
        query.extend(self.limit.clone().map(|limit| ("limit", limit)));
        query.extend(self.key.clone().map(|key| ("key", key)));
        Ok(query)
    }
}

/// As it stands on the command line, and in the query.
fn word(value: &impl ValueEnum) -> String {
    value.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
}

/// A row as the service gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Row {
    at: String,
    limit: String,
    key: String,
    granted: u64,
    cost: i64,
    refused: u64,
    waited: u64,
    longest_wait_us: u64,
    throttled: u64,
}

impl Row {
    fn of(row: &Value) -> Self {
        let text = |name: &str| plain(row[name].as_str().unwrap_or_default());
        let number = |name: &str| row[name].as_u64().unwrap_or_default();
        let measure = match row["measure"].as_str() {
            Some("spacing") => "/spacing",
            Some("in_flight") => "/concurrent",
            _ => "",
        };
        Self {
            at: text("at"),
            limit: format!("{}{measure}", text("limit")),
            // Of all others, and of a whole limit.
            key: if row["key"].is_string() { text("key") } else { "*".to_owned() },
            granted: number("granted"),
            cost: row["cost"].as_i64().unwrap_or_default(),
            refused: number("refused"),
            waited: number("waited"),
            longest_wait_us: number("longest_wait_us"),
            throttled: number("throttled"),
        }
    }

    fn add(&mut self, other: &Self) {
        self.granted += other.granted;
        self.cost += other.cost;
        self.refused += other.refused;
        self.waited += other.waited;
        self.longest_wait_us = self.longest_wait_us.max(other.longest_wait_us);
        self.throttled += other.throttled;
    }
}

/// One row for each limit and key, the busiest first.
fn summed(rows: Vec<Row>) -> Vec<Row> {
    let mut sums: BTreeMap<(String, String), Row> = BTreeMap::new();
    for row in rows {
        match sums.get_mut(&(row.limit.clone(), row.key.clone())) {
            Some(sum) => sum.add(&row),
            None => _ = sums.insert((row.limit.clone(), row.key.clone()), row),
        }
    }
    let mut sums: Vec<Row> = sums.into_values().collect();
    sums.sort_by_key(|row| std::cmp::Reverse(row.granted + row.refused));
    sums
}

fn table(rows: &[Row], each: bool, complete_until: Option<&str>) -> String {
    let mut lines: Vec<Vec<String>> = vec![
        ["TIME", "LIMIT", "KEY", "GRANTED", "COST", "REFUSED", "WAITED", "LONGEST", "429S"]
            .map(str::to_owned)
            .into(),
    ];
    lines.extend(rows.iter().map(|row| {
        let longest = length::shown(Duration::from_micros(row.longest_wait_us));
        let numbers =
            [row.granted.to_string(), row.cost.to_string(), row.refused.to_string(), row.waited.to_string()];
        let names = [row.at.clone(), row.limit.clone(), row.key.clone()];
        let last = [longest, row.throttled.to_string()];
        names.into_iter().chain(numbers).chain(last).collect()
    }));
    if !each {
        for line in &mut lines {
            line.remove(0);
        }
    }
    let mut text = columns(&lines);
    let _ = match complete_until {
        Some(time) => writeln!(text, "What was granted after {} may be missing.", plain(time)),
        None => writeln!(text, "How much of it is there is not known yet."),
    };
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn row(limit: &str, key: Option<&str>, granted: u64) -> Row {
        Row::of(
            &json!({"at": "T", "limit": limit, "measure": "tokens", "key": key, "granted": granted, "cost": granted,
            "refused": 1, "waited": 1, "longest_wait_us": 1_500_000, "throttled": 0}),
        )
    }

    #[test]
    fn rows_of_one_key_are_added_up_and_the_busiest_comes_first() {
        let rows = summed(vec![row("org", Some("a"), 1), row("org", Some("b"), 5), row("org", Some("a"), 2)]);
        let told: Vec<_> = rows.iter().map(|row| (row.key.as_str(), row.granted, row.refused)).collect();
        assert_eq!(told, [("b", 5, 1), ("a", 3, 2)]);
    }

    #[test]
    fn a_table_has_a_line_for_each_row_and_says_how_much_is_there() {
        let text = table(&[row("org", Some("a\u{1b}"), 1), row("platform", None, 12)], false, Some("T"));
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines[0].split_whitespace().collect::<Vec<_>>()[..3], ["LIMIT", "KEY", "GRANTED"]);
        assert_eq!(
            lines[1].split_whitespace().collect::<Vec<_>>(),
            ["org", "a\\u{1b}", "1", "1", "1", "1", "1.5", "s", "0"]
        );
        assert!(lines[2].starts_with("platform  *") && lines[3].contains("after T"), "{text}");
    }
}
