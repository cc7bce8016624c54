//! A provider that listens on a port.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use axum::Router;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

use super::connection;
use super::handlers;
use super::world::World;
use crate::clock;
use crate::config::Config;
use crate::ledger::Ledger;
use crate::random::Seed;
use crate::time::Time;

/// Pause after a connection could not be accepted.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);

/// A provider on a port, on the real clock, until this is dropped.
///
/// Beside the provider's own paths it answers `GET /_simulator/health`, that it is up, `GET /_simulator/ledger`, with
/// the ledger in short, and `POST /_simulator/reset`, after which it is as newly started.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    world: World,
    serving: JoinHandle<()>,
}

impl Server {
    /// Starts one on a free port of the loopback.
    ///
    /// # Errors
    /// Those of the operating system.
    pub async fn start(config: Config, seed: Seed) -> io::Result<Self> {
        Self::bind((Ipv4Addr::LOCALHOST, 0).into(), config, seed).await
    }

    /// Starts one at `address`; port 0 takes a free one.
    ///
    /// # Errors
    /// Those of the operating system, mostly that the port is taken.
    pub async fn bind(address: SocketAddr, config: Config, seed: Seed) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let world = World::new(config, seed);
        let serving = tokio::spawn(serve(listener, handlers::router(world.clone())));
        Ok(Self { address, world, serving })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL of a path, such as `/api/v2/users`.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The time by the provider's clock.
    #[must_use]
    pub fn now(&self) -> Time {
        self.world.with(|_, now| now)
    }

    /// Every call until now. It is a copy, as calls go on arriving.
    #[must_use]
    pub fn ledger(&self) -> Ledger {
        self.world.with(|provider, now| {
            provider.advance(now);
            provider.ledger().clone()
        })
    }

    /// Begins anew: the clock at zero, no call in the ledger, no token in force.
    pub fn reset(&self) {
        self.world.reset();
    }
}

impl Drop for Server {
    /// Connections end with the task that holds them.
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn serve(listener: TcpListener, router: Router) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = accept(&listener) => {
                connections.spawn(connection::serve(accepted, router.clone()));
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

/// The next connection.
async fn accept(listener: &TcpListener) -> TcpStream {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return stream,
            // Mostly for want of file descriptors: others must be closed first.
            Err(_) => clock::pass(ACCEPT_AGAIN).await,
        }
    }
}
