//! `tollgate check-policy`: what a policy file comes to, or what is wrong with it.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use tollgate::{Limit, Measure, Mode, Policy, PolicyError, Terms};

use super::plain::plain;
use super::{USAGE, failed, length};
use crate::policy_file::{self, PolicyFileError};

/// Check a policy file and show what its limits come to
///
/// Exit codes: 0 the policy is right, 1 it is not and the problems are shown, 2 the file can't be read.
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// The file, .toml or .json
    file: PathBuf,
}

/// Shows the limits on standard output, or the problems on standard error.
pub(crate) fn run(Arguments { file }: &Arguments) -> ExitCode {
    match policy_file::read(file) {
        Ok(policy) => {
            // Whoever closes the pipe has seen enough.
            let _ = io::stdout().write_all(shown(&policy).as_bytes());
            ExitCode::SUCCESS
        }
        Err(PolicyFileError::Invalid { source, .. }) => {
            let _ = io::stderr().write_all(listed(file, &source).as_bytes());
            ExitCode::from(1)
        }
        Err(error) => failed(&error.into(), USAGE),
    }
}

fn listed(file: &Path, error: &PolicyError) -> String {
    error.problems().iter().fold(String::new(), |mut text, problem| {
        let _ = writeln!(text, "{}: {problem}", file.display());
        text
    })
}

fn shown(policy: &Policy) -> String {
    let mut text = format!("namespace {}, version {}\n", policy.namespace(), policy.digest());
    if policy.limits().is_empty() {
        text.push_str("\nno limit: every call is granted\n");
    }
    for limit in policy.limits() {
        let _ = writeln!(text, "\n{}", described(limit));
    }
    let recorded = policy.record_calls();
    if !recorded.is_empty() {
        let _ =
            writeln!(text, "\nthe audit trail tells each granted call of {}", plain(&recorded.join(", ")));
    }
    text
}

fn described(limit: &Limit) -> String {
    let per: Vec<String> = limit.per().iter().map(ToString::to_string).collect();
    let per = if per.is_empty() {
        "one bucket for all calls".to_owned()
    } else {
        format!("per {}", per.join(", "))
    };
    let mut lines = vec![format!("limit {}: {per}", limit.name())];
    lines.extend(limit.terms(Measure::Tokens).map(|terms| tokens(limit, terms)));
    lines.extend(limit.spacing().map(|spacing| format!("at least {spacing} between two calls")));
    let lease_s = limit.terms(Measure::InFlight).and_then(Terms::lease).map_or(0, |lease| lease.as_secs());
    lines.extend(
        limit
            .concurrent()
            .map(|calls| format!("{calls} in flight at once, each for {lease_s} s unless that is renewed")),
    );
    if limit.mode() == Mode::Observe {
        lines.push("observed: it counts and refuses nothing".to_owned());
    }
    lines.join("\n  ")
}

fn tokens(limit: &Limit, terms: Terms) -> String {
    let allows = match (limit.quota(), limit.rate()) {
        (Some(quota), _) => format!("never more than {quota} in any window"),
        (None, rate) => rate.unwrap_or_default().to_owned(),
    };
    let every_us = terms.credit().div_ceil(terms.refill());
    let interval = length::shown(Duration::from_micros(every_us));
    format!("{allows}: {} at once, then one every {interval}", terms.burst())
}
