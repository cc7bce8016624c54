//! Where schemathesis is.

use std::env;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail, ensure};

/// The program, and why there is none: `cargo xtask test` sets one of them.
const PROGRAM: &str = "TOLLGATE_SCHEMATHESIS";
const MISSING: &str = "TOLLGATE_SCHEMATHESIS_MISSING";

/// The program that the environment names, or the one that `cargo xtask test` has installed before.
///
/// # Errors
/// Without one, with the reason: an API that nobody has tested must not look as if it had been.
pub(crate) fn schemathesis() -> Result<PathBuf> {
    if let Ok(reason) = env::var(MISSING) {
        bail!("schemathesis could not be got: {reason}");
    }
    let installed = || {
        let target = env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
        let target = target.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("target"));
        target.join("schemathesis/bin/schemathesis")
    };
    let program = env::var_os(PROGRAM).map_or_else(installed, PathBuf::from);
    ensure!(program.is_file(), "there is no {}; `cargo xtask test` installs it", program.display());
    Ok(program)
}
