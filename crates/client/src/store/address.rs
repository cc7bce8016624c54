//! Where a store is, without giving away its password.

use std::fmt;
use std::str::FromStr;

use redis::io::tcp::TcpSettings;
use redis::{ConnectionAddr, ConnectionInfo, IntoConnectionInfo};

use super::StoreTls;

/// Where a store is: `redis://`, `rediss://` (TLS), `unix://` or `embedded:`.
///
/// `redis://[user[:password]@]host[:port][/database]`, `unix:///path/to/socket[?db=0&user=..&pass=..]`. The port is
/// 6379 and the database 0 unless they are given. Neither its `Debug` nor its `Display` shows a password.
#[derive(Clone)]
#[non_exhaustive]
pub enum StoreAddress {
    /// In this process: nothing is shared with other replicas, nothing outlives the process.
    Embedded,
    /// A Redis or Valkey server.
    Redis(ServerAddress),
}

impl StoreAddress {
    /// Whether it is reached by TLS.
    #[must_use]
    pub fn is_tls(&self) -> bool {
        matches!(self, Self::Redis(server) if matches!(server.0.addr(), ConnectionAddr::TcpTls { .. }))
    }

    /// Whether it is a socket of this machine.
    #[must_use]
    pub fn is_socket(&self) -> bool {
        matches!(self, Self::Redis(server) if matches!(server.0.addr(), ConnectionAddr::Unix(_)))
    }

    /// The server, where it is one.
    pub(crate) fn server(&self) -> Result<&ServerAddress, StoreAddressError> {
        match self {
            Self::Embedded => {
                Err(StoreAddressError { problem: "is embedded:, and there is no server to look at" })
            }
            Self::Redis(server) => Ok(server),
        }
    }

    /// Certificates that would not be used are a slip: whoever gives them takes the connection to be safe.
    pub(crate) fn check_uses(&self, tls: &StoreTls) -> Result<(), StoreAddressError> {
        if tls.is_default() || self.is_tls() {
            return Ok(());
        }
        Err(StoreAddressError { problem: "does not begin with rediss://, as the given certificates need" })
    }
}

/// Where a server is, and who asks it.
#[derive(Clone)]
pub struct ServerAddress(Box<ConnectionInfo>);

impl ServerAddress {
    pub(crate) fn connection_info(&self) -> ConnectionInfo {
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
        let Some((scheme, rest)) = text.split_once("://") else {
            return refuse("has no scheme");
        };
        if !matches!(scheme, "redis" | "rediss" | "unix") {
            return refuse("has a scheme that is not known");
        }
        if let Some(problem) = problem_in(scheme, rest) {
            return refuse(problem);
        }
        // Small writes that wait for an acknowledgement would add up to 40 ms to a call.
        let connection = text
            .into_connection_info()
            .map(|info| info.set_tcp_settings(TcpSettings::default().set_nodelay(true)));
        connection.map(|info| Self::Redis(ServerAddress(Box::new(info)))).or_else(|_| refuse("can't be read"))
    }
}

/// What the client would pass over in silence, or take for something else.
fn problem_in(scheme: &str, rest: &str) -> Option<&'static str> {
    let (before, query) = rest.split_once('?').map_or((rest, None), |(before, query)| (before, Some(query)));
    if scheme == "unix" {
        let known = |pair: &str| ["db", "user", "pass"].contains(&pair.split('=').next().unwrap_or(pair));
        return query
            .is_some_and(|query| !query.split('&').all(known))
            .then_some("has a parameter behind '?' other than db, user and pass");
    }
    // The host would begin within the password, and be shown.
    let behind_host = rest.find(['/', '?', '#']).map_or("", |end| &rest[end..]);
    if behind_host.contains('@') {
        return Some("has a password with '/', '?' or '#' in it, which are written %2F, %3F and %23");
    }
    if query.is_some() || before.contains('#') {
        return Some("has something behind '?' or '#', where nothing is known");
    }
    None
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

    /// Nothing that somebody wrote is passed over in silence.
    #[test]
    fn what_would_not_be_used_is_refused() {
        for (text, words) in [
            ("redis://app:12/s3cret@host/", "%2F"),
            ("redis://app:12?s3cret@host/", "%3F"),
            ("redis://app:12#s3cret@host/", "%23"),
            ("redis://host/?db=3", "behind '?'"),
            ("rediss://host/#insecure", "behind '?' or '#'"),
            ("unix:///s?password=s3cret", "db, user and pass"),
        ] {
            let error = text.parse::<StoreAddress>().expect_err(text).to_string();
            assert!(error.contains(words) && !error.contains("s3cret"), "{error}");
        }
        for text in ["redis://app:%2F%3F%23@host:1/2", "rediss://h", "unix:///a@b?db=1&user=u&pass=a@b"] {
            assert!(text.parse::<StoreAddress>().is_ok(), "{text}");
        }
    }

    #[test]
    fn certificates_are_for_tls_alone() {
        let pem = |name: &str| format!("-----BEGIN {name}-----\nMAA=\n-----END {name}-----\n");
        let tls = StoreTls::default().identify_by(pem("CERTIFICATE"), pem("PRIVATE KEY")).expect("it is PEM");
        for (text, fits) in
            [("rediss://host", true), ("redis://host", false), ("unix:///s", false), ("embedded:", false)]
        {
            let address: StoreAddress = text.parse().expect(text);
            assert_eq!(address.check_uses(&tls).is_ok(), fits, "{text}");
            assert!(address.check_uses(&StoreTls::default()).is_ok(), "{text}");
        }
    }

    #[test]
    fn small_writes_are_sent_at_once() {
        let Ok(StoreAddress::Redis(info)) = "redis://localhost".parse() else { panic!("no Redis address") };
        assert!(info.connection_info().tcp_settings().nodelay());
    }
}
