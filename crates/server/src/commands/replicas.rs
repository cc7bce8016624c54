//! `tollgate replicas`: which processes share the namespace, asked of a running service.

use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Args;
use serde_json::Value;

use super::carried_out;
use super::columns::columns;
use super::plain::plain;
use super::replica_ids::ReplicaIds;
use super::service::{Ask, Place};

const EXAMPLES: &str = "\
Examples:
  tollgate replicas
      The processes that have said within five minutes that they live: who they are, since when,
      and which policy they hold.
  tollgate replicas --json
      The same, as a line of JSON each, with whole ids.

Exit codes: 0 done, 1 the service can't be asked or refuses it, 2 the command line is wrong.";

/// Show which processes share the namespace
#[derive(Args, Debug)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Replicas as the service gives them, a line of JSON each
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Place,
}

/// Prints the replicas on standard output.
pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    carried_out(&arguments.place, async |service| {
        let answer = service.ask(Ask { target: "/replicas", ..Ask::default() }).await?;
        let answer: Value = serde_json::from_slice(answer.body()).context("the answer is no JSON")?;
        if arguments.json {
            let rows = answer["replicas"].as_array().context("the answer has no replicas")?;
            return Ok(rows.iter().fold(String::new(), |lines, row| lines + &row.to_string() + "\n"));
        }
        table(&answer)
    })
}

fn table(answer: &Value) -> Result<String> {
    let rows = answer["replicas"].as_array().context("the answer has no replicas")?;
    let heads = ["REPLICA", "HOST", "PROCESS", "VERSION", "SINCE", "SEEN", "WAITING", "POLICY"];
    let id = |row: &Value| row["id"].as_str().unwrap_or("-").to_owned();
    let mut ids = ReplicaIds::default();
    for row in rows {
        ids.note(&id(row));
    }
    let mut lines = vec![heads.map(str::to_owned)];
    lines.extend(rows.iter().map(|row| {
        let text = |name: &str| plain(row[name].as_str().unwrap_or("-"));
        let number = |name: &str| row[name].as_u64().unwrap_or_default().to_string();
        // The number of the version is the first part of its tag.
        let version = text("policy").split('-').next().unwrap_or_default().to_owned();
        let policy =
            if row["policy"] == answer["policy"] { version } else { version + " (another one is in force)" };
        [
            ids.shown(&id(row)),
            text("host"),
            number("process"),
            text("version"),
            text("since"),
            text("seen"),
            number("waiting"),
            policy,
        ]
    }));
    let table = columns(&lines);
    Ok(if answer["is_cut"] == true { table + "There are more than are noted.\n" } else { table })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// Of those that begin the same all are shown whole.
    #[test]
    fn an_id_is_shown_as_far_as_it_takes_to_tell_it() -> Result<()> {
        let ids = [
            "01234567ffffffffffffffffffffffff",
            "0123456700000000ffffffffffffffff",
            "89abcdef00000000ffffffffffffffff",
        ];
        let text = table(&json!({"policy": "1-x", "replicas": ids.map(|id| json!({"id": id}))}))?;
        let shown: Vec<&str> =
            text.lines().skip(1).filter_map(|line| line.split_whitespace().next()).collect();
        assert_eq!(shown, [ids[0], ids[1], "89abcdef"]);
        Ok(())
    }

    #[test]
    fn a_replica_is_a_line_and_says_whether_its_policy_is_in_force() -> Result<()> {
        let replica = |policy: &str| {
            json!({"id": "a1", "host": "web\u{1b}", "process": 7, "version": "0.1.0", "since": "S", "seen": "T", "waiting": 2,
                "policy": policy})
        };
        let text =
            table(&json!({"policy": "3-x", "is_cut": true, "replicas": [replica("3-x"), replica("2-x")]}))?;
        let lines: Vec<Vec<&str>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(lines[1], ["a1", "web\\u{1b}", "7", "0.1.0", "S", "T", "2", "3"]);
        assert_eq!(lines[2][7..10], ["2", "(another", "one"]);
        assert!(text.ends_with("There are more than are noted.\n"), "{text}");
        Ok(())
    }
}
