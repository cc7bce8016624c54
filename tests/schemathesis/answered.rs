//! What was answered, operation by operation: a run in which all is 404 tests nothing.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::Value;

/// How often each operation has answered each status, by its id.
pub(crate) type Statuses = BTreeMap<String, BTreeMap<u16, u64>>;

/// As the hooks have counted.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Answered {
    pub(crate) all: Statuses,
    /// Those along links.
    pub(crate) linked: Statuses,
}

impl Answered {
    /// What another part of the run has counted.
    pub(crate) fn add(&mut self, other: Self) {
        for (sum, part) in [(&mut self.all, other.all), (&mut self.linked, other.linked)] {
            for (operation, statuses) in part {
                let sum = sum.entry(operation).or_default();
                for (status, count) in statuses {
                    *sum.entry(status).or_default() += count;
                }
            }
        }
    }

    /// What is missing of a run that tells something, and every error of the server.
    pub(crate) fn complaints(&self, described: &BTreeSet<String>) -> Vec<String> {
        let mut complaints = Vec::new();
        let tested: BTreeSet<String> = self.all.keys().cloned().collect();
        if tested != *described {
            complaints.push(format!("tested were {tested:?}, described are {described:?}"));
        }
        for (operation, statuses) in &self.all {
            if !has_succeeded(statuses) {
                complaints.push(format!("{operation} has never answered 2xx: {statuses:?}"));
            }
            if statuses.keys().any(|status| *status >= 500) {
                complaints.push(format!("{operation} has answered 5xx: {statuses:?}"));
            }
        }
        // Of one that has been settled before, a link has been followed as well.
        let led_there =
            |statuses: &BTreeMap<u16, u64>| has_succeeded(statuses) || statuses.contains_key(&409);
        for operation in ["settle", "heartbeat", "giveBack", "buckets"] {
            if !self.linked.get(operation).is_some_and(led_there) {
                complaints.push(format!("no link has led to {operation}: {:?}", self.linked.get(operation)));
            }
        }
        complaints
    }

    /// A line for each operation, and where links have led.
    pub(crate) fn table(&self) -> String {
        let row = |(operation, statuses): (&String, &BTreeMap<u16, u64>), how: &str| {
            format!("{operation}{how}: {statuses:?}")
        };
        let all = self.all.iter().map(|one| row(one, ""));
        let linked = self.linked.iter().map(|one| row(one, " along links"));
        all.chain(linked).collect::<Vec<_>>().join("\n")
    }
}

fn has_succeeded(statuses: &BTreeMap<u16, u64>) -> bool {
    statuses.iter().any(|(status, count)| (200..300).contains(status) && *count > 0)
}

/// The ids of all operations of a description.
pub(crate) fn described(document: &Value) -> Result<BTreeSet<String>> {
    let paths = document["paths"].as_object().context("it has paths")?;
    let operations = paths.values().filter_map(Value::as_object).flat_map(|item| item.values());
    let id = |operation: &Value| operation["operationId"].as_str().map(str::to_owned);
    operations.map(|operation| id(operation).context("an operation has an id")).collect()
}

#[test]
fn a_run_that_tells_nothing_is_complained_of() {
    let counted = |status: u16| BTreeMap::from([(status, 1)]);
    let described: BTreeSet<String> =
        ["settle", "heartbeat", "giveBack", "buckets"].map(str::to_owned).into();
    let all: Statuses = described.iter().map(|id| (id.clone(), counted(204))).collect();
    let complaints = |change: &dyn Fn(&mut Answered)| {
        let mut answered = Answered { all: all.clone(), linked: all.clone() };
        change(&mut answered);
        answered.complaints(&described).len()
    };
    assert_eq!(complaints(&|_| {}), 0);
    assert_eq!(complaints(&|answered| drop(answered.all.remove("settle"))), 1);
    assert_eq!(complaints(&|answered| drop(answered.all.insert("settle".to_owned(), counted(404)))), 1);
    assert_eq!(complaints(&|answered| drop(answered.all.insert("settle".to_owned(), counted(503)))), 2);
    assert_eq!(complaints(&|answered| drop(answered.linked.insert("settle".to_owned(), counted(404)))), 1);
}
