//! A loopback port that nobody else can get.

use std::net::{Ipv4Addr, SocketAddr};

use anyhow::{Context, Result};
use tokio::net::TcpSocket;

/// A port chosen by the kernel and held for as long as this value lives, for a server that can't choose one itself.
///
/// Asking for port 0, closing the socket and passing the number on would race with everybody else who asks. This socket
/// stays bound instead, and never listens: the kernel gives its port to nobody, neither to a `bind` to port 0 nor to
/// an outgoing connection, while a server that names the port and sets `SO_REUSEADDR` (as Redis does) may listen on it.
/// It may also end and come back on the same port.
#[derive(Debug)]
pub struct ReservedPort {
    address: SocketAddr,
    _held: TcpSocket,
}

impl ReservedPort {
    /// Reserves one.
    pub fn new() -> Result<Self> {
        let held = TcpSocket::new_v4().context("cannot open a socket")?;
        held.set_reuseaddr(true).context("cannot share the address of a reserved port")?;
        held.bind((Ipv4Addr::LOCALHOST, 0).into()).context("cannot bind a loopback port")?;
        let address = held.local_addr().context("a bound socket has no address")?;
        Ok(Self { address, _held: held })
    }

    /// `127.0.0.1` and the port.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The port alone.
    #[must_use]
    pub fn number(&self) -> u16 {
        self.address.port()
    }
}
