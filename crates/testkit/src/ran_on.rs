//! A record of which suite ran on which server, for the summary at the end of `cargo xtask test`.

use std::collections::BTreeSet;
use std::env;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

/// Path of the file that collects the lines of all test programs of a run.
const RECORD: &str = "TOLLGATE_RAN_ON";

static SEEN: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// Notes, once per test program, that it ran on a server, for example `Redis 7.0.15` or `image redis:7.4`.
///
/// libtest shows a passing test's output to nobody, so the line also goes to the file that `TOLLGATE_RAN_ON` names.
pub fn record_ran_on(server: &str) {
    if !SEEN.lock().unwrap_or_else(PoisonError::into_inner).insert(server.to_owned()) {
        return;
    }
    let program = test_program();
    // What rustdoc calls every example it compiles.
    let suite = if program == "rust_out" { "documentation examples" } else { &program };
    let line = format!("{suite}: {server}\n");
    print!("ran on: {line}");
    if let Some(path) = env::var_os(RECORD) {
        // One short append, so lines of programs that run side by side do not mix.
        let written = OpenOptions::new()
            .create(true)
            .append(true)
            .open(Path::new(&path))
            .and_then(|mut file| file.write_all(line.as_bytes()));
        if let Err(error) = written {
            eprintln!("cannot note in {} what ran where: {error}", path.display());
        }
    }
}

/// The name cargo knows a test program by: its file without the hash that cargo appends.
pub(crate) fn test_program() -> String {
    let path = env::current_exe().unwrap_or_default();
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    match stem.rsplit_once('-') {
        Some((name, hash)) if hash.len() == 16 => name.to_owned(),
        _ => stem.into_owned(),
    }
}
