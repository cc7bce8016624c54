//! Where a store is, without giving away its password.

use std::fmt;
use std::str::FromStr;

use redis::io::tcp::TcpSettings;
use redis::{ConnectionInfo, IntoConnectionInfo};

/// Where a store is: `redis://`, `rediss://` (TLS), `unix://` or `embedded:`.
///
/// `redis://[user[:password]@]host[:port][/database]`, `unix:///path/to/socket[?db=0&user=..&pass=..]`. Neither its
/// `Debug` nor its `Display` shows a password.
#[derive(Clone)]
#[non_exhaustive]
pub enum StoreAddress {
    /// In this process: nothing is shared with other replicas, nothing outlives the process.
    Embedded,
    /// A Redis or Valkey server.
    Redis(ServerAddress),
}

/// Where a server is, and who asks it.
#[derive(Clone)]
pub struct ServerAddress(Box<ConnectionInfo>);

impl ServerAddress {
    pub(super) fn connection_info(&self) -> ConnectionInfo {
        (*self.0).clone()
    }
}

/// A text that is no address of a store.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the store's address {problem}; write redis://host:6379, rediss://host:6379, unix:///path/to/socket or embedded:"
)]
pub struct StoreAddressError {
    /// Never the address itself, which may hold a password.
    problem: &'static str,
}

impl FromStr for StoreAddress {
    type Err = StoreAddressError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refuse = |problem| Err(StoreAddressError { problem });
        if matches!(text, "embedded" | "embedded:") {
            return Ok(Self::Embedded);
        }
        let Some((scheme, _)) = text.split_once("://") else {
            return refuse("has no scheme");
        };
        if !matches!(scheme, "redis" | "rediss" | "unix") {
            return refuse("has a scheme that is not known");
        }
        // Small writes that wait for an acknowledgement would add up to 40 ms to a call.
        let connection = text
            .into_connection_info()
            .map(|info| info.set_tcp_settings(TcpSettings::default().set_nodelay(true)));
        connection.map(|info| Self::Redis(ServerAddress(Box::new(info)))).or_else(|_| refuse("can't be read"))
    }
}

impl fmt::Display for StoreAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Embedded => f.write_str("embedded:"),
            Self::Redis(server) => server.0.addr().fmt(f),
        }
    }
}

impl fmt::Debug for StoreAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StoreAddress({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_never_shown() {
        for text in
            ["redis://:s3cret@localhost/", "rediss://app:s3cret@example.com:6380/1", "unix:///s?pass=s3cret"]
        {
            let address: StoreAddress = text.parse().expect(text);
            assert!(!format!("{address} {address:?}").contains("s3cret"), "{address:?}");
        }
        for text in ["redis//:s3cret@localhost", "http://:s3cret@localhost", "redis://:s3cret@host:99999/"] {
            let error = text.parse::<StoreAddress>().expect_err(text);
            assert!(!format!("{error} {error:?}").contains("s3cret"), "{error:?}");
        }
    }

    #[test]
    fn a_wrong_address_says_what_would_be_right() {
        for text in ["", "localhost", "http://localhost", "redis://", "redis://host:port"] {
            let error = text.parse::<StoreAddress>().expect_err(text).to_string();
            assert!(error.contains("redis://host:6379"), "{error}");
        }
    }

    #[test]
    fn small_writes_are_sent_at_once() {
        let Ok(StoreAddress::Redis(info)) = "redis://localhost".parse() else { panic!("no Redis address") };
        assert!(info.connection_info().tcp_settings().nodelay());
    }
}
