//! What was found, and what was done: as a table for people, as one object for programs.

use std::fmt;

use serde::Serialize;

use super::super::columns::columns;
use super::proposal::Proposal;
use super::row::{Row, Verdict};
use super::snippet::Unknown;

/// All that the command tells.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    org: String,
    namespace: String,
    /// The version that was compared with.
    policy_version: u64,
    /// How many limits differ from what the provider says.
    changes: usize,
    /// How many can't be as the provider says.
    unfit: usize,
    limits: Vec<Row>,
    /// What the policy does not know.
    unknown: Vec<Unknown>,
    /// Namespaces that the provider lists and tells nothing of.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    empty_namespaces: Vec<String>,
    done: Done,
}

/// What became of the changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub(super) enum Done {
    /// They were shown.
    Proposed,
    /// There were none.
    Unchanged,
    /// They are in force.
    Applied { version: u64 },
}

impl Report {
    pub(super) fn new(org: &str, policy_version: u64, proposal: Proposal, done: Done) -> Self {
        Self {
            org: org.to_owned(),
            namespace: proposal.document.policy.namespace().to_owned(),
            policy_version,
            changes: proposal.changes(),
            unfit: proposal.unfit(),
            limits: proposal.rows,
            unknown: proposal.unknown,
            empty_namespaces: Vec::new(),
            done,
        }
    }

    pub(super) fn with_empty(mut self, namespaces: Vec<String>) -> Self {
        self.empty_namespaces = namespaces;
        self
    }

    /// Whether something that was to be done could not be.
    pub(super) fn is_incomplete(&self) -> bool {
        self.unfit > 0
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { org, namespace, policy_version, .. } = self;
        writeln!(f, "limits of {org}, beside version {policy_version} of the policy of {namespace}\n")?;
        f.write_str(&table(&self.limits))?;
        for namespace in &self.empty_namespaces {
            writeln!(f, "\nthe provider lists the namespace {namespace} and tells nothing of it")?;
        }
        self.write_unknown(f)?;
        self.write_done(f)
    }
}

impl Report {
    fn write_unknown(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (writable, others): (Vec<_>, Vec<_>) =
            self.unknown.iter().partition(|unknown| unknown.snippet.is_some());
        if !writable.is_empty() {
            writeln!(
                f,
                "\nThe policy does not know these. As they are they only observe; say with `when` which calls they count, check what \
                 they are counted per, and take `mode` out."
            )?;
        }
        for unknown in writable {
            write!(f, "\n{}", unknown.snippet.as_deref().unwrap_or_default())?;
        }
        if !others.is_empty() {
            writeln!(f, "\nNor these, which can't be written as they are told:\n")?;
        }
        for Unknown { name, provider, reason, .. } in others {
            writeln!(f, "{name}: {provider} ({})", reason.as_deref().unwrap_or_default())?;
        }
        Ok(())
    }

    fn write_done(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let changes = plural(self.changes, "change");
        match self.done {
            Done::Unchanged => writeln!(f, "\nnothing to change")?,
            Done::Proposed => writeln!(f, "\n{changes}; --apply puts that into force")?,
            Done::Applied { version } => writeln!(f, "\n{changes}, in force as version {version}")?,
        }
        if self.unfit > 0 {
            writeln!(f, "{} can't be taken over; see above", plural(self.unfit, "limit"))?;
        }
        Ok(())
    }
}

fn plural(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

fn table(rows: &[Row]) -> String {
    let heads = ["LIMIT", "PROVIDER'S NAME", "NOW", "PROVIDER", "BECOMES"].map(str::to_owned);
    let lines: Vec<[String; 5]> = std::iter::once(heads).chain(rows.iter().map(cells)).collect();
    columns(&lines)
}

fn cells(row: &Row) -> [String; 5] {
    let becomes = match &row.verdict {
        Verdict::Change { then } => then.clone(),
        Verdict::Equal => "equal".to_owned(),
        Verdict::Aside { reason } => format!("stays: {reason}"),
        Verdict::Unfit { reason } => format!("skipped: {reason}"),
        Verdict::NotTold => "stays: the provider does not tell of it".to_owned(),
    };
    let now = row.now.clone().unwrap_or_default() + if row.overridden { " (override)" } else { "" };
    let provider = row.provider.clone().unwrap_or_default();
    [row.limit.clone(), row.names.join(", "), now, provider, becomes]
}
