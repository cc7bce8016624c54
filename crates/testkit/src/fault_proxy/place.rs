//! A place to listen at that stays ours, also while nobody listens there.

use anyhow::{Context, Result};
use tempfile::TempDir;

use crate::address::Address;
use crate::port::ReservedPort;

/// A reserved port, or a directory for a socket file.
#[derive(Debug)]
pub(super) enum Place {
    Port(ReservedPort),
    Directory(TempDir),
}

impl Place {
    pub(super) fn port() -> Result<Self> {
        ReservedPort::new().map(Self::Port)
    }

    /// In `/tmp`, where a path is short enough for a socket.
    pub(super) fn directory() -> Result<Self> {
        let directory = tempfile::Builder::new().prefix("tollgate-").tempdir_in("/tmp");
        directory.map(Self::Directory).context("cannot make a directory for a proxy")
    }

    pub(super) fn address(&self) -> Address {
        match self {
            Self::Port(port) => Address::Tcp(port.address()),
            Self::Directory(directory) => Address::Unix(directory.path().join("proxy.sock")),
        }
    }
}
