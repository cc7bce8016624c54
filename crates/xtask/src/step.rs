//! Running a command so that whoever watches knows what happens and how long it took.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use anyhow::{Context, Error, Result, ensure};

/// Says one line of progress.
pub(crate) fn say(line: impl std::fmt::Display) {
    println!("==> {line}");
    // Nothing is left to do about a closed terminal.
    let _ = std::io::stdout().flush();
}

/// Says why a command could not do what it was asked to.
pub(crate) fn failed(error: &Error) -> ExitCode {
    eprintln!("error: {error:#}");
    ExitCode::FAILURE
}

/// Runs a command with its output shown.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    say(described(command));
    let status = command.status().with_context(|| format!("cannot run {}", described(command)))?;
    ensure!(status.success(), "{}: {status}", described(command));
    Ok(())
}

/// Runs a command and returns what it printed; its complaints are part of the error.
pub(crate) fn output_of(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| format!("cannot run {}", described(command)))?;
    let complaint = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{}: {}", described(command), last_line(&complaint));
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Does something and measures it.
#[expect(clippy::disallowed_methods, reason = "how long a build takes is a matter of real time")]
pub(crate) fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let began = Instant::now();
    let done = work();
    (done, began.elapsed())
}

/// Writes a file that can be executed.
pub(crate) fn write_script(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))?;
    make_executable(path)
}

/// Lets a file be executed.
pub(crate) fn make_executable(path: &Path) -> Result<()> {
    fs::set_permissions(path, fs::Permissions::from_mode(0o755))
        .with_context(|| format!("cannot make {} executable", path.display()))
}

fn described(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
}

fn last_line(text: &str) -> &str {
    text.trim().lines().last().unwrap_or("no reason given")
}
