//! The handle that a test holds.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::endpoint::Listener;
use super::faults::{Counters, Direction, Faults, Mode};
use super::framing::Framing;
use super::listener::Front;
use super::place::Place;
use crate::address::Address;
use crate::redis_server::RedisServer;

/// Stands in front of a server and does to its connections what the test says; closes everything when dropped.
///
/// It runs on the test's own runtime, so a paused clock also pauses its delays.
#[derive(Debug)]
pub struct FaultProxy {
    address: Address,
    password: Option<String>,
    faults: Arc<Faults>,
    listening: watch::Receiver<bool>,
    task: JoinHandle<std::io::Result<()>>,
    _place: Place,
}

impl FaultProxy {
    /// In front of a Redis, itself on a unix socket.
    pub fn unix(server: &RedisServer) -> Result<Self> {
        Self::start(Place::directory()?, Address::Unix(server.socket()), server.password(), Framing::Resp)
    }

    /// In front of a Redis, itself on a loopback port; the server needs none.
    pub fn tcp(server: &RedisServer) -> Result<Self> {
        Self::start(Place::port()?, Address::Unix(server.socket()), server.password(), Framing::Resp)
    }

    /// In front of any other TCP server; one read from a client counts as one request.
    pub fn any(server: SocketAddr) -> Result<Self> {
        Self::start(Place::port()?, Address::Tcp(server), None, Framing::Reads)
    }

    fn start(place: Place, server: Address, password: Option<&str>, framing: Framing) -> Result<Self> {
        let address = place.address();
        let listener = Listener::bind(&address).context("the proxy cannot listen")?;
        let faults = Arc::new(Faults::new());
        let (listening, is_listening) = watch::channel(true);
        let front =
            Front { address: address.clone(), server, framing, faults: Arc::clone(&faults), listening };
        Ok(Self {
            address,
            password: password.map(str::to_owned),
            faults,
            listening: is_listening,
            task: tokio::spawn(front.run(listener)),
            _place: place,
        })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// The store URL of the Redis behind it.
    #[must_use]
    pub fn url(&self) -> String {
        self.address.redis_url(self.password.as_deref())
    }

    /// Makes everything that enters from now on late, in order and without slowing the flow.
    pub fn delay(&self, direction: Direction, delay: Duration) {
        self.faults.set_delay(direction, delay);
    }

    /// Closes all connections; new ones are welcome.
    pub fn cut(&self) {
        self.faults.cuts.send_modify(|cuts| *cuts += 1);
    }

    /// Hands the next `count` requests to the server, swallows their answers, and closes each one's connection.
    ///
    /// What a client pipelined behind such a request does not reach the server: one answer is lost for one request.
    pub fn drop_answers(&self, count: usize) {
        self.faults.drop_answers(count, None);
    }

    /// As [`drop_answers`](Self::drop_answers), but of this command only (`"EVALSHA"`), not of the PING before it.
    pub fn drop_answers_to(&self, command: &str, count: usize) {
        self.faults.drop_answers(count, Some(command));
    }

    /// From now on whatever is sent vanishes, either way, and connections are accepted into the void.
    pub fn black_hole(&self) {
        self.faults.mode.send_replace(Mode::BlackHole);
    }

    /// Closes all connections and listens no more, as a server that is gone; returns when connecting fails.
    pub async fn refuse(&self) -> Result<()> {
        self.faults.mode.send_replace(Mode::Refuse);
        self.wait_until_listening_is(false).await?;
        self.cut();
        Ok(())
    }

    /// Ends a black hole or a refusal; connections that lost bytes are closed. Delays stay as they are.
    pub async fn pass(&self) -> Result<()> {
        let before = self.faults.mode.send_replace(Mode::Pass);
        if before != Mode::Pass {
            self.cut();
        }
        self.wait_until_listening_is(true).await
    }

    /// What went through so far.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.faults.counters()
    }

    async fn wait_until_listening_is(&self, wanted: bool) -> Result<()> {
        let mut listening = self.listening.clone();
        listening.wait_for(|listening| *listening == wanted).await.context("the proxy has ended")?;
        Ok(())
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}
