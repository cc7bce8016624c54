//! The address to listen on: the loopback, unless somebody says that the network keeps strangers out.

use std::net::{Ipv4Addr, SocketAddr};

/// Why an address is not listened on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// It is no address.
    Unreadable,
    /// It is open to others than this machine, and nothing asks them who they are.
    Open(SocketAddr),
}

/// Reads `IP:PORT` or `localhost:PORT`.
pub(crate) fn parse(text: &str, insecure: Insecure) -> Result<SocketAddr, Refused> {
    let address = match text.strip_prefix("localhost:") {
        Some(port) => port.parse().ok().map(|port: u16| (Ipv4Addr::LOCALHOST, port).into()),
        None => text.parse().ok(),
    };
    let address: SocketAddr = address.ok_or(Refused::Unreadable)?;
    if address.ip().to_canonical().is_loopback() || insecure == Insecure::Allowed {
        Ok(address)
    } else {
        Err(Refused::Open(address))
    }
}

/// Whether others than this machine may reach a service that asks nobody who they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Insecure {
    Allowed,
    Refused,
}

impl Insecure {
    /// Reads the value of `--insecure-listen`; not given, it is refused.
    pub(crate) fn parse(text: Option<&str>) -> Option<Self> {
        match text {
            Some("true" | "1" | "yes") => Some(Self::Allowed),
            None | Some("false" | "0" | "no") => Some(Self::Refused),
            Some(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_addresses_are_listened_on_unasked() {
        for text in ["127.0.0.1:0", "127.9.9.9:80", "[::1]:8080", "localhost:8080", "[::ffff:127.0.0.1]:1"] {
            assert!(parse(text, Insecure::Refused).is_ok(), "{text}");
        }
        for text in ["0.0.0.0:8080", "[::]:8080", "10.0.0.1:80", "[::ffff:10.0.0.1]:80"] {
            assert!(matches!(parse(text, Insecure::Refused), Err(Refused::Open(_))), "{text}");
            assert!(parse(text, Insecure::Allowed).is_ok(), "{text}");
        }
        for text in ["", "8080", ":8080", "example.com:80", "127.0.0.1", "127.0.0.1:65536", "localhost:"] {
            assert_eq!(parse(text, Insecure::Allowed), Err(Refused::Unreadable), "{text}");
        }
    }
}
