//! TCP and unix sockets, told apart once and never again.

use std::io;
use std::path::Path;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpSocket, TcpStream, UnixListener, UnixStream};

use crate::address::Address;

/// The side of a connection that is read.
pub(super) type Reader = Box<dyn AsyncRead + Send + Unpin>;
/// The side of a connection that is written.
pub(super) type Writer = Box<dyn AsyncWrite + Send + Unpin>;

/// As many waiting connections as any client here opens at once.
const BACKLOG: u32 = 1_024;

/// An open socket that accepts.
pub(super) enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener),
}

impl Listener {
    /// Listens, also where a reserved port or the socket file of an earlier listener is in place.
    pub(super) fn bind(address: &Address) -> io::Result<Self> {
        match address {
            Address::Tcp(address) => {
                let socket = TcpSocket::new_v4()?;
                socket.set_reuseaddr(true)?;
                socket.bind(*address)?;
                socket.listen(BACKLOG).map(Self::Tcp)
            }
            Address::Unix(path) => {
                remove_if_there(path)?;
                UnixListener::bind(path).map(Self::Unix)
            }
        }
    }

    pub(super) async fn accept(&self) -> io::Result<(Reader, Writer)> {
        match self {
            Self::Tcp(listener) => listener.accept().await.and_then(|(stream, _)| tcp_halves(stream)),
            Self::Unix(listener) => listener.accept().await.map(|(stream, _)| unix_halves(stream)),
        }
    }
}

/// Opens a connection to a server.
pub(super) async fn connect(address: &Address) -> io::Result<(Reader, Writer)> {
    match address {
        Address::Tcp(address) => tcp_halves(TcpStream::connect(address).await?),
        Address::Unix(path) => Ok(unix_halves(UnixStream::connect(path).await?)),
    }
}

fn tcp_halves(stream: TcpStream) -> io::Result<(Reader, Writer)> {
    // Only the delays that were asked for.
    stream.set_nodelay(true)?;
    let (reader, writer) = stream.into_split();
    Ok((Box::new(reader), Box::new(writer)))
}

fn unix_halves(stream: UnixStream) -> (Reader, Writer) {
    let (reader, writer) = stream.into_split();
    (Box::new(reader), Box::new(writer))
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
