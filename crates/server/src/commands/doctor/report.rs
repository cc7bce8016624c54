//! What was found, check by check.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::super::plain::plain;
use super::found::Found;

/// How a check came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Status {
    Ok,
    Warning,
    Failure,
}

/// A check.
#[derive(Debug)]
struct Finding {
    name: &'static str,
    status: Status,
    found: Found,
    /// "" if there is nothing to do.
    advice: String,
}

/// All checks, in the order in which they were made.
#[derive(Debug)]
pub(super) struct Report {
    store: String,
    namespace: String,
    findings: Vec<Finding>,
}

impl Report {
    pub(super) fn new(store: &str, namespace: &str) -> Self {
        Self { store: store.to_owned(), namespace: namespace.to_owned(), findings: Vec::new() }
    }

    /// It is as it should be.
    pub(super) fn ok(&mut self, name: &'static str, found: impl Into<Found>) {
        self.add(name, Status::Ok, found.into(), String::new());
    }

    /// It works, but not as well as it could, or not for ever.
    pub(super) fn warn(&mut self, name: &'static str, found: impl Into<Found>, advice: impl Into<String>) {
        self.add(name, Status::Warning, found.into(), advice.into());
    }

    /// A replica does not work with it, or not rightly.
    pub(super) fn fail(&mut self, name: &'static str, found: impl Into<Found>, advice: impl Into<String>) {
        self.add(name, Status::Failure, found.into(), advice.into());
    }

    fn add(&mut self, name: &'static str, status: Status, found: Found, advice: String) {
        self.findings.push(Finding { name, status, found, advice });
    }

    fn count(&self, status: Status) -> usize {
        self.findings.iter().filter(|finding| finding.status == status).count()
    }

    pub(super) fn fails(&self) -> bool {
        self.count(Status::Failure) > 0
    }

    /// For people: a line for each check, and one for all of them.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        for Finding { name, status, found, advice } in &self.findings {
            let mark = match status {
                Status::Ok => "ok  ",
                Status::Warning => "warn",
                Status::Failure => "FAIL",
            };
            let separator = if advice.is_empty() { "" } else { "; " };
            let _ =
                writeln!(text, "{mark}  {name}: {}{separator}{}", plain(&found.for_people), plain(advice));
        }
        let (failures, warnings) = (self.count(Status::Failure), self.count(Status::Warning));
        let _ = writeln!(
            text,
            "{} at {}: {} checked, {failures} failed, {warnings} warned of",
            self.namespace,
            plain(&self.store),
            self.findings.len()
        );
        text
    }

    /// For programs.
    pub(super) fn json(&self) -> String {
        let checks = self.findings.iter().map(|Finding { name, status, found, advice }| {
            let status = match status {
                Status::Ok => "ok",
                Status::Warning => "warn",
                Status::Failure => "fail",
            };
            let mut check = json!({"name": name, "status": status, "found": found.for_programs});
            if !advice.is_empty() {
                check["do"] = advice.as_str().into();
            }
            check
        });
        let checks: Vec<Value> = checks.collect();
        let told = json!({"store": self.store, "namespace": self.namespace, "failed": self.count(Status::Failure),
            "warned": self.count(Status::Warning), "checks": checks});
        format!("{told}\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_is_a_line_and_only_failures_count() {
        let mut report = Report::new("host:6379", "shop");
        report.ok("role", "a master");
        report.warn("persistence", "off", "turn it on");
        assert!(!report.fails());
        report.fail("clock", "bad\u{1b}", "mend it");
        assert!(report.fails());
        let text = report.text();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[..2], ["ok    role: a master", "warn  persistence: off; turn it on"]);
        assert_eq!(lines[2], "FAIL  clock: bad\\u{1b}; mend it");
        assert_eq!(lines[3], "shop at host:6379: 3 checked, 1 failed, 1 warned of");
        let json: Value = serde_json::from_str(&report.json()).expect("JSON");
        assert_eq!((&json["failed"], &json["checks"][2]["do"]), (&json!(1), &json!("mend it")));
        assert!(json["checks"][0].get("do").is_none(), "{json}");
    }
}
