//! Programs from the Debian archive, without the services that their packages would start.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::server::Server;
use crate::step::{output_of, run, write_script};
use crate::workspace::in_path;

/// Maintainer scripts ask this file whether they may start a service; 101 says no.
const SERVICE_POLICY: &str = "/usr/sbin/policy-rc.d";

/// Installs `redis-server`, where this is a Debian and we may.
pub(super) fn install() -> Result<Server> {
    Server::at(&install_package("redis-server")?)
}

/// Installs a package whose program has its name, where this is a Debian and we may. Returns the program; no service is
/// started.
pub(crate) fn install_package(name: &str) -> Result<PathBuf> {
    ensure!(in_path("apt-get").is_some(), "there is no apt-get");
    ensure!(output_of(Command::new("id").arg("-u"))? == "0", "installing a package needs root");
    let _no_service = NoService::declare()?;
    run(Command::new("apt-get").args(["--quiet", "update"]))?;
    let packages = ["install", "--quiet", "--yes", "--no-install-recommends", name];
    run(Command::new("apt-get").args(packages).env("DEBIAN_FRONTEND", "noninteractive"))?;
    in_path(name).with_context(|| format!("the package brought no {name}"))
}

/// Keeps services from being started, as long as it lives; a policy that is there already is left alone.
struct NoService {
    is_ours: bool,
}

impl NoService {
    fn declare() -> Result<Self> {
        let is_ours = !Path::new(SERVICE_POLICY).exists();
        if is_ours {
            write_script(Path::new(SERVICE_POLICY), "#!/bin/sh\nexit 101\n")?;
        }
        Ok(Self { is_ours })
    }
}

impl Drop for NoService {
    fn drop(&mut self) {
        if self.is_ours {
            // Somebody else has removed it: then it is gone, as it should be.
            let _ = fs::remove_file(SERVICE_POLICY);
        }
    }
}
