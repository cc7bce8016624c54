//! The service on a port: its connections, their time limits, and its end.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tollgate::Tollgate;

use crate::routes;
use crate::shutdown::{Shutdown, Stage};

/// How long a connection may take to send the head of a request, the silence before it included. Longer than the 60 s after
/// which common load balancers close idle connections: closed from this side, they would lose a request now and then.
const HEAD_WITHIN: Duration = Duration::from_secs(75);

/// How long what was refused at the very end may take to reach its callers.
const LAST_ANSWERS: Duration = Duration::from_secs(2);

/// Pause after a connection could not be accepted, mostly for want of file descriptors: others must be closed first.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);

/// The API of a limiter on a port.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    router: Router,
    shutdown: Shutdown,
    drain: Duration,
}

impl Server {
    /// Binds `address`; port 0 takes a free one. Connections are accepted from here on and served by [`Server::run`].
    ///
    /// # Errors
    /// Those of the operating system, mostly that the port is taken.
    pub async fn bind(address: SocketAddr, gate: Tollgate) -> io::Result<Self> {
        let shutdown = Shutdown::new();
        let router = routes::with_shutdown(gate, shutdown.clone());
        let listener = TcpListener::bind(address).await?;
        Ok(Self { listener, router, shutdown, drain: Duration::from_secs(20) })
    }

    /// How long calls that wait may go on once the end has begun. Default: 20 s.
    #[must_use]
    pub fn drain(mut self, drain: Duration) -> Self {
        self.drain = drain;
        self
    }

    /// Where it listens.
    ///
    /// # Errors
    /// Those of the operating system.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// What ends it.
    #[must_use]
    pub fn shutdown(&self) -> Shutdown {
        self.shutdown.clone()
    }

    /// Serves until it is ended and what was in flight is answered.
    pub async fn run(self) {
        let Self { listener, router, shutdown, drain } = self;
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                accepted = listener.accept() => match accepted {
                    Ok((stream, _)) => {
                        connections.spawn(serve(stream, router.clone(), shutdown.clone()));
                    }
                    Err(error) => {
                        tracing::warn!(%error, "a connection could not be accepted");
                        pause(ACCEPT_AGAIN).await;
                    }
                },
                Some(_) = connections.join_next() => {}
                () = shutdown.reached(Stage::Draining) => break,
            }
        }
        drop(listener);
        tokio::select! {
            () = all_done(&mut connections) => return,
            () = shutdown.reached(Stage::Over) => {}
            () = pause(drain) => shutdown.end(),
        }
        // Whoever does not take the last answer is not waited for: dropping the set closes the connection.
        if timeout(LAST_ANSWERS, all_done(&mut connections)).await.is_err() {
            tracing::warn!(connections = connections.len(), "connections were closed without an answer");
        }
    }
}

/// Serves one connection to its end, or, once the end of all has begun, to the end of its request.
async fn serve(stream: TcpStream, router: Router, shutdown: Shutdown) {
    // An answer is one small write; waiting to fill a packet would add up to 40 ms.
    let _ = stream.set_nodelay(true);
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_WITHIN)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = shutdown.reached(Stage::Draining) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
}

async fn all_done(connections: &mut JoinSet<()>) {
    while connections.join_next().await.is_some() {}
}

/// Time itself is what is waited for.
async fn pause(length: Duration) {
    let never = std::future::pending::<Infallible>();
    let _ = timeout(length, never).await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tollgate::Policy;

    /// A connection that sends its request a byte a minute is closed, and one that sends nothing too. On a turned clock.
    #[tokio::test(start_paused = true)]
    async fn a_head_that_does_not_come_is_not_waited_for() -> Result<(), Box<dyn std::error::Error>> {
        let gate = Tollgate::embedded(Policy::from_toml("namespace = 'n'")?).await?;
        let server = Server::bind("127.0.0.1:0".parse()?, gate).await?;
        let (address, shutdown) = (server.address()?, server.shutdown());
        let serving = tokio::spawn(server.run());
        for head in ["", "GET /healthz HT"] {
            let mut client = TcpStream::connect(address).await?;
            client.write_all(head.as_bytes()).await?;
            let mut answer = Vec::new();
            client.read_to_end(&mut answer).await?;
            assert!(!answer.starts_with(b"HTTP/1.1 200"), "{head}: {answer:?}");
        }
        shutdown.drain();
        serving.await?;
        Ok(())
    }
}
