//! The service on a port: its connections, their time limits, and its end.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::Response;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_io_timeout::TimeoutStream;
use tokio_rustls::TlsAcceptor;
use tollgate::Tollgate;

use crate::access::{Peer, Rules};
use crate::host::Hosts;
use crate::routes;
use crate::shutdown::{Shutdown, Stage};
use crate::tls::Tls;

/// How long a connection may take to send the head of a request, the silence before it included. Longer than the 60 s
/// after which common load balancers close idle connections: closed from this side, they would lose a request now and
/// then.
const HEAD_WITHIN: Duration = Duration::from_secs(75);

/// How long what was refused at the very end may take to reach its callers.
const LAST_ANSWERS: Duration = Duration::from_secs(2);

/// Pause after a connection could not be accepted, mostly for want of file descriptors: others must be closed first.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);

/// How long a client may leave an answer lying before it takes the next bytes of it.
const TAKEN_WITHIN: Duration = Duration::from_secs(30);

/// How long a TLS handshake may take. Whoever is slow holds up nobody else: each is done beside the others.
const HANDSHAKE_WITHIN: Duration = Duration::from_secs(10);

/// Connections at once, unless set otherwise. Each takes a file descriptor and, idle, some 20 KiB.
pub(crate) const MAX_CONNECTIONS_DEFAULT: usize = 10_000;

/// The API of a limiter on a port.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    gate: Tollgate,
    hosts: Hosts,
    shutdown: Shutdown,
    drain: Duration,
    max_connections: usize,
    rules: Rules,
    tls: Option<Tls>,
}

impl Server {
    /// Binds `address`; port 0 takes a free one. Connections are accepted from here on and served by [`Server::run`].
    ///
    /// From the first API key of the namespace on requests need one; before, nobody is asked who he is. On the
    /// loopback, requests must then be for `localhost` or an address of the loopback; see [`Server::any_host`].
    ///
    /// # Errors
    /// Those of the operating system, mostly that the port is taken.
    pub async fn bind(address: SocketAddr, gate: Tollgate) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let is_loopback = listener.local_addr()?.ip().to_canonical().is_loopback();
        Ok(Self {
            listener,
            gate,
            hosts: if is_loopback { Hosts::Loopback } else { Hosts::Any },
            shutdown: Shutdown::new(),
            drain: Duration::from_secs(20),
            max_connections: MAX_CONNECTIONS_DEFAULT,
            rules: Rules::default(),
            tls: None,
        })
    }

    /// Takes requests for whichever host, as behind a proxy that passes on the name it was asked for. On the loopback a
    /// web page whose name was made to lead here could then ask for anything.
    #[must_use]
    pub fn any_host(mut self) -> Self {
        self.hosts = Hosts::Any;
        self
    }

    /// Most connections at once, at least 1. Further ones wait until there is room. Default: 10,000.
    #[must_use]
    pub fn max_connections(mut self, max_connections: usize) -> Self {
        self.max_connections = max_connections.clamp(1, Semaphore::MAX_PERMITS);
        self
    }

    /// Most keys that open nothing from one address in a minute, at least 1; further ones are answered 429. Default:
    /// 30.
    #[must_use]
    pub fn max_bad_logins(mut self, max_bad_logins: u32) -> Self {
        self.rules.max_bad_logins = max_bad_logins.max(1);
        self
    }

    /// Asks for a key, also while there is none, or if the store loses all of them. By default nobody is asked before
    /// the first key is made.
    #[must_use]
    pub fn always_ask(mut self) -> Self {
        self.rules.asks_always = true;
        self
    }

    /// Speaks TLS alone, with this certificate.
    pub(crate) fn tls(mut self, tls: Option<Tls>) -> Self {
        self.tls = tls;
        self
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

    /// Serves until it is ended and what was in flight is answered. Then the store forgets that the replica is there.
    pub async fn run(self) {
        let gate = self.gate.clone();
        self.run_to_end().await;
        match timeout(LAST_ANSWERS, gate.leave()).await {
            Ok(Ok(())) => {}
            // It is told for some minutes then, as one that was killed.
            Ok(Err(error)) => tracing::debug!(%error, "the store can't be told that this replica ends"),
            Err(_) => tracing::debug!("the store can't be told in time that this replica ends"),
        }
    }

    async fn run_to_end(self) {
        let Self { listener, gate, hosts, shutdown, drain, max_connections, rules, tls } = self;
        let acceptor = match tls.as_ref().map(Tls::acceptor).transpose() {
            Ok(acceptor) => acceptor,
            Err(error) => return tracing::error!(%error, "TLS can't be spoken"),
        };
        let mut renewing = JoinSet::new();
        renewing.extend(tls.map(Tls::renew));
        let router = routes::with_shutdown(gate, shutdown.clone(), hosts, rules);
        let places = Arc::new(Semaphore::new(max_connections));
        let mut connections = JoinSet::new();
        let mut told = false;
        loop {
            tokio::select! {
                accepted = accept(&listener, &places) => match accepted {
                    Ok((stream, peer, place)) => {
                        told = told_if_full(&places, max_connections, told);
                        let serving = open(stream, peer, acceptor.clone(), router.clone(), shutdown.clone());
                        connections.spawn(async move {
                            serving.await;
                            drop(place);
                        });
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

/// The next connection, once there is a place for it: till then the operating system keeps it in its queue.
async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> io::Result<(TcpStream, Peer, OwnedSemaphorePermit)> {
    let place = Arc::clone(places).acquire_owned().await.map_err(io::Error::other)?;
    let (stream, address) = listener.accept().await?;
    Ok((stream, Peer::of(address.ip()), place))
}

/// Says that the last place is taken, once until half of them are free again.
fn told_if_full(places: &Semaphore, max_connections: usize, told: bool) -> bool {
    let free = places.available_permits();
    if free == 0 && !told {
        tracing::warn!(max_connections, "all connections are in use; further ones wait to be accepted");
    }
    free == 0 || (told && free < max_connections / 2)
}

/// Serves one connection, in TLS if that is spoken here.
async fn open(
    stream: TcpStream,
    peer: Peer,
    acceptor: Option<TlsAcceptor>,
    router: Router,
    shutdown: Shutdown,
) {
    // An answer is one small write; waiting to fill a packet would add up to 40 ms.
    let _ = stream.set_nodelay(true);
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(TAKEN_WITHIN));
    let stream = Box::pin(stream);
    let Some(acceptor) = acceptor else {
        return serve(stream, peer, router, shutdown).await;
    };
    let shaken = tokio::select! {
        shaken = timeout(HANDSHAKE_WITHIN, acceptor.accept(stream)) => shaken,
        () = shutdown.reached(Stage::Draining) => return,
    };
    match shaken {
        Ok(Ok(stream)) => serve(stream, peer, router, shutdown).await,
        Ok(Err(error)) => tracing::debug!(%error, "a TLS handshake failed"),
        Err(_) => tracing::debug!("a TLS handshake took longer than {HANDSHAKE_WITHIN:?}"),
    }
}

/// Serves one connection to its end, or, once the end of all has begun, to the end of its request.
async fn serve<S>(stream: S, peer: Peer, router: Router, shutdown: Shutdown)
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let router = TowerToHyperService::new(router);
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(peer);
        let answering = router.call(request);
        async move { answering.await.map(telling_no_methods) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_WITHIN)
        .serve_connection(TokioIo::new(stream), service);
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

/// The router says in `Allow` what a path has whatever the answer is. Who is not let in is not told that either.
fn telling_no_methods(mut answer: Response) -> Response {
    if matches!(
        answer.status(),
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::TOO_MANY_REQUESTS
    ) {
        answer.headers_mut().remove(header::ALLOW);
    }
    answer
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

    /// Reads what `GET /healthz` is answered, to the last byte.
    async fn take_answer(client: &mut TcpStream) -> io::Result<()> {
        let mut answer = Vec::new();
        while !answer.ends_with(b"}") {
            answer.push(client.read_u8().await?);
        }
        assert!(answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer));
        Ok(())
    }

    /// A connection that sends its request a byte a minute is closed, and one that sends nothing too. On a turned
    /// clock.
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

    /// A client that asks on and on and takes no answer is cut off. On a turned clock.
    #[tokio::test(start_paused = true)]
    async fn an_answer_that_nobody_takes_is_not_kept() -> Result<(), Box<dyn std::error::Error>> {
        let gate = Tollgate::embedded(Policy::from_toml("namespace = 'n'")?).await?;
        let server = Server::bind("127.0.0.1:0".parse()?, gate).await?;
        let (address, shutdown) = (server.address()?, server.shutdown());
        let serving = tokio::spawn(server.run());
        let mut client = TcpStream::connect(address).await?;
        let requests = "GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n".repeat(1_000);
        // Ends by the error of a connection that was closed; the answers fill all buffers before.
        while client.write_all(requests.as_bytes()).await.is_ok() {}
        shutdown.drain();
        serving.await?;
        Ok(())
    }

    /// Nobody is accepted beyond the number, and the next one is as soon as there is room.
    #[tokio::test]
    async fn connections_beyond_the_number_wait() -> Result<(), Box<dyn std::error::Error>> {
        let gate = Tollgate::embedded(Policy::from_toml("namespace = 'n'")?).await?;
        let server = Server::bind("127.0.0.1:0".parse()?, gate).await?.max_connections(1);
        let (address, shutdown) = (server.address()?, server.shutdown());
        let serving = tokio::spawn(server.run());
        let (mut first, mut second) =
            (TcpStream::connect(address).await?, TcpStream::connect(address).await?);
        for client in [&mut first, &mut second] {
            client.write_all(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n").await?;
        }
        take_answer(&mut first).await?;
        // By the time that the first has its second answer, the other would long have its first, had it been accepted.
        first.write_all(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n").await?;
        take_answer(&mut first).await?;
        let unanswered = second.try_read(&mut [0]).expect_err("it has no place");
        assert_eq!(unanswered.kind(), io::ErrorKind::WouldBlock);
        drop(first);
        take_answer(&mut second).await?;
        shutdown.drain();
        serving.await?;
        Ok(())
    }
}
