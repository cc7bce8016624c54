//! Prometheus: what the suite of the same name runs.

use std::path::PathBuf;

use anyhow::Result;

use crate::servers::install_package;
use crate::step::say;
use crate::workspace::in_path;

/// The one of this machine, else the Debian package, with `promtool` in it.
pub(crate) fn find() -> Result<PathBuf> {
    if let Some(found) = in_path("prometheus") {
        return Ok(found);
    }
    say("no prometheus on this machine: getting one");
    install_package("prometheus")
}
