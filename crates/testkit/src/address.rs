//! Where something listens.

use std::net::SocketAddr;
use std::path::PathBuf;

/// A TCP address or the path of a unix socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// An address and a port.
    Tcp(SocketAddr),
    /// The path of a unix socket.
    Unix(PathBuf),
}

impl Address {
    /// The store URL of a Redis here, with its password if it has one.
    #[must_use]
    pub fn redis_url(&self, password: Option<&str>) -> String {
        let password = password.map(percent_encoded);
        match (self, password) {
            (Self::Tcp(address), None) => format!("redis://{address}/"),
            (Self::Tcp(address), Some(password)) => format!("redis://:{password}@{address}/"),
            (Self::Unix(path), None) => format!("unix://{}", path.display()),
            (Self::Unix(path), Some(password)) => format!("unix://{}?pass={password}", path.display()),
        }
    }
}

/// Everything but letters and digits as `%XX`, which no part of a URL misunderstands.
fn percent_encoded(text: &str) -> String {
    let encode = |byte: u8| {
        if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") }
    };
    text.bytes().map(encode).collect()
}
