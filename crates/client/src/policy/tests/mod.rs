//! What policies take, refuse and come to.

mod bad_documents;
mod documents;
mod hostile;
mod keys;
mod known_paths;
mod matching;
mod measures;
mod weights;
mod windows;

use super::*;

/// A policy of these limits, each the body of a `[[limit]]`.
fn policy(limits: &[&str]) -> Policy {
    let limits: Vec<String> = limits.iter().map(|limit| format!("[[limit]]\n{limit}\n")).collect();
    let text = format!("namespace = 'n'\n{}", limits.concat());
    Policy::from_toml(&text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}
