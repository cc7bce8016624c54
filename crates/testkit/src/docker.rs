//! Whether Docker is there, and must be.

use std::env;
use std::process::Command;

use anyhow::{Result, ensure};

use crate::ran_on::record_ran_on;

/// Whether Docker's engine answers. Where it does not, that is written down; with `TOLLGATE_DOCKER=required` it is an
/// error.
///
/// # Errors
/// When it must answer and does not.
pub fn docker_answers() -> Result<bool> {
    let info = Command::new("docker").args(["info", "--format", "{{.ServerVersion}}"]).output();
    let answers = info.is_ok_and(|output| output.status.success());
    if !answers {
        let required = env::var_os("TOLLGATE_DOCKER").is_some_and(|value| value == "required");
        ensure!(!required, "Docker's engine does not answer, and TOLLGATE_DOCKER=required");
        record_ran_on("NOT RUN in a container: Docker's engine does not answer");
    }
    Ok(answers)
}

/// The image of Redis that the suites use: `TOLLGATE_TEST_REDIS_IMAGE`, else a public one.
#[must_use]
pub fn redis_image() -> String {
    env::var("TOLLGATE_TEST_REDIS_IMAGE").unwrap_or_else(|_| "redis:7.4".into())
}
