//! Docker's engine, if it answers.

use std::env;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::step::output_of;
use crate::workspace::in_path;

/// Its version.
///
/// # Errors
/// When there is no Docker, or its engine does not answer.
pub(crate) fn engine() -> Result<String> {
    ensure!(in_path("docker").is_some(), "there is no docker");
    output_of(Command::new("docker").args(["info", "--format", "{{.ServerVersion}}"]))
        .context("Docker's engine does not answer")
}

/// The public image of Redis.
pub(crate) fn redis_image() -> String {
    env::var("REDIS_IMAGE").unwrap_or_else(|_| "redis:7.4".into())
}
