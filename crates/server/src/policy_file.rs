//! Policy files: TOML or JSON, told apart by their name.

use std::path::{Path, PathBuf};
use std::{fs, io};

use tollgate::{Policy, PolicyError};

/// Why a file is no policy.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PolicyFileError {
    #[error("can't read the policy file {}", path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("the policy file {} has no ending that tells its format, expected .toml or .json", path.display())]
    Ending { path: PathBuf },
    #[error("the policy file {} can't be used", path.display())]
    Invalid { path: PathBuf, source: PolicyError },
}

/// Reads and checks a file.
pub(crate) fn read(path: &Path) -> Result<Policy, PolicyFileError> {
    let path_buf = || path.to_owned();
    let parse = match path.extension().and_then(|ending| ending.to_str()) {
        Some("toml") => Policy::from_toml,
        Some("json") => Policy::from_json,
        _ => return Err(PolicyFileError::Ending { path: path_buf() }),
    };
    let text = fs::read_to_string(path)
        .map_err(|source| PolicyFileError::Unreadable { path: path_buf(), source })?;
    parse(&text).map_err(|source| PolicyFileError::Invalid { path: path_buf(), source })
}
