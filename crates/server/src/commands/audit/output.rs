//! Entries of the audit trail on standard output.

use std::io::{self, Write};

use anyhow::Result;
use serde_json::Value;

use super::super::replica_ids::ReplicaIds;
use super::line;

/// Writes entries, each as a line.
#[derive(Debug)]
pub(super) struct Output {
    is_json: bool,
    replicas: ReplicaIds,
}

impl Output {
    /// As lines of JSON, or as lines for people.
    pub(super) fn new(is_json: bool) -> Self {
        Self { is_json, replicas: ReplicaIds::default() }
    }

    /// Writes them in their order.
    pub(super) fn write<'a>(&mut self, entries: impl Iterator<Item = &'a Value> + Clone) -> Result<()> {
        // Of those that are written together, all ids are known beforehand.
        entries.clone().filter_map(|entry| entry["replica"].as_str()).for_each(|id| self.replicas.note(id));
        let mut out = io::stdout().lock();
        for entry in entries {
            if self.is_json {
                writeln!(out, "{entry}")?;
            } else {
                writeln!(out, "{}", line::of(entry, &self.replicas))?;
            }
        }
        Ok(out.flush()?)
    }
}
