//! A server program that runs here.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::step::output_of;

/// Its path and what it says it is.
#[derive(Clone, Debug)]
pub(crate) struct Server {
    pub(crate) path: PathBuf,
    /// For example `Redis 7.0.15`.
    pub(crate) version: String,
}

impl Server {
    /// Runs the program to see that it does, and what it is.
    pub(crate) fn at(path: &Path) -> Result<Self> {
        let banner = output_of(Command::new(path).arg("--version"))?;
        let product = banner.split_whitespace().next().unwrap_or_default();
        let release = banner.split_whitespace().find_map(|word| word.strip_prefix("v="));
        let release = release.with_context(|| format!("{} is no Redis: {banner}", path.display()))?;
        Ok(Self { path: path.to_owned(), version: format!("{product} {release}") })
    }
}
