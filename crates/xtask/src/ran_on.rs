//! What ran where, as the test programs noted it.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::workspace::target;

/// The file that the test programs append to: `suite: server`, a line each.
pub(crate) struct RanOn {
    path: PathBuf,
}

impl RanOn {
    /// An empty one for a new run.
    pub(crate) fn begin() -> Result<Self> {
        let path = target().join("ran-on.txt");
        match fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(error).with_context(|| format!("cannot remove {}", path.display()))
            }
            _ => Ok(Self { path }),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// A line for each suite that used a server: `limits: Redis 6.2.14, Redis 7.0.15`.
    pub(crate) fn summary(&self) -> Vec<String> {
        // Without the file no suite has used a server.
        let text = fs::read_to_string(&self.path).unwrap_or_default();
        let mut suites = BTreeMap::<&str, Vec<&str>>::new();
        for (suite, server) in text.lines().filter_map(|line| line.split_once(": ")) {
            suites.entry(suite).or_default().push(server);
        }
        let lines = suites.into_iter().map(|(suite, mut servers)| {
            servers.sort_unstable();
            servers.dedup();
            format!("{suite}: {}", servers.join(", "))
        });
        lines.collect()
    }
}
