//! schemathesis in a virtual environment of Python: what the suite of the same name runs.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::step::{output_of, say};
use crate::workspace::{in_path, root, target};

/// All that is installed, pinned.
const REQUIREMENTS: &str = "tests/schemathesis/requirements.txt";

/// Installs it into `target/schemathesis/`, unless it is there as the requirements want it, and returns the program.
pub(crate) fn install() -> Result<PathBuf> {
    let requirements = root().join(REQUIREMENTS);
    let wanted = fs::read_to_string(&requirements).with_context(|| format!("cannot read {REQUIREMENTS}"))?;
    let folder = target().join("schemathesis");
    let program = folder.join("bin/schemathesis");
    // Written last: what was broken off has none.
    let installed = folder.join("installed.txt");
    if fs::read_to_string(&installed).is_ok_and(|found| found == wanted) && program.is_file() {
        return Ok(program.canonicalize()?);
    }
    ensure!(in_path("python3").is_some(), "there is no python3");
    say("installing schemathesis into a virtual environment");
    output_of(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder))?;
    let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--only-binary=:all:"];
    output_of(
        Command::new(folder.join("bin/python"))
            .args(pip)
            .args(["--retries=2", "--timeout=30", "--requirement"])
            .arg(&requirements),
    )?;
    fs::write(&installed, wanted).with_context(|| format!("cannot write {}", installed.display()))?;
    program.canonicalize().context("pip left no schemathesis")
}
