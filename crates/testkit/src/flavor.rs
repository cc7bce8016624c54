//! Which server program a test runs on.

use std::collections::BTreeMap;
use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::version::ServerVersion;

/// Path of the server that tests run on, before anything in `PATH`.
const CHOSEN: &str = "TOLLGATE_REDIS_SERVER";
/// Further servers, separated by `:`, for the suites that run on every version there is.
const FURTHER: &str = "TOLLGATE_SERVERS";

/// A server program found on this machine, and its version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flavor {
    binary: PathBuf,
    version: ServerVersion,
}

impl Flavor {
    /// The server to run on: `TOLLGATE_REDIS_SERVER`, else `redis-server` in `PATH`, else `valkey-server` in `PATH`.
    ///
    /// # Errors
    /// When there is none, with how to get one.
    pub fn find() -> Result<Self> {
        if let Some(chosen) = env::var_os(CHOSEN) {
            return Self::at(Path::new(&chosen)).with_context(|| format!("{CHOSEN} names no server"));
        }
        let Some(binary) = in_path("redis-server").or_else(|| in_path("valkey-server")) else {
            bail!(
                "no redis-server or valkey-server in PATH: `cargo xtask test` gets one, \
                 or name one in {CHOSEN}=/path/to/redis-server"
            );
        };
        Self::at(&binary)
    }

    /// A server program at a path.
    pub fn at(binary: &Path) -> Result<Self> {
        let output = Command::new(binary)
            .arg("--version")
            .output()
            .with_context(|| format!("cannot run {}", binary.display()))?;
        ensure!(output.status.success(), "{} --version: {}", binary.display(), output.status);
        let version = ServerVersion::from_banner(&String::from_utf8_lossy(&output.stdout))?;
        Ok(Self { binary: binary.to_owned(), version })
    }

    /// [`find`](Self::find) and the programs of `TOLLGATE_SERVERS`, one for each version, oldest Redis first.
    ///
    /// # Errors
    /// When one that is named can't run: a version that was asked for is never left out in silence.
    pub fn all_available() -> Result<Vec<Self>> {
        let found = Self::find()?;
        let mut by_version = BTreeMap::from([(found.version, found)]);
        let further = env::var_os(FURTHER).unwrap_or_default();
        for binary in env::split_paths(&further).filter(|path| !path.as_os_str().is_empty()) {
            let flavor = Self::at(&binary).with_context(|| format!("{FURTHER} names no server"))?;
            by_version.entry(flavor.version).or_insert(flavor);
        }
        Ok(by_version.into_values().collect())
    }

    /// The program.
    #[must_use]
    pub fn binary(&self) -> &Path {
        &self.binary
    }

    /// What the program says it is.
    #[must_use]
    pub fn version(&self) -> ServerVersion {
        self.version
    }
}

pub(crate) fn in_path(name: &str) -> Option<PathBuf> {
    env::split_paths(&env::var_os("PATH")?).map(|dir| dir.join(name)).find(|path| path.is_file())
}
