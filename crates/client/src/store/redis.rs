//! The store in Redis or Valkey. Nothing else in the crate speaks to Redis.
//!
//! One connection serves a whole replica: commands are pipelined on it, so a checkout per call (which pings, and gives
//! the connection to one caller alone) is not needed. After any error it is dropped, never handed out again.

mod visit;

pub use visit::{Hindrance, RefusedCommand, ServerFacts};
pub(crate) use visit::{ServerVisit, reach};

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use deadpool_redis::{Connection, Manager, Pool, PoolError, Runtime};
use redis::aio::MultiplexedConnection;
use redis::{
    AsyncConnectionConfig, ClientTlsConfig, ConnectionInfo, ErrorKind, RedisError, ServerErrorKind,
    TlsCertificates, Value,
};
use tokio::sync::Mutex;

use super::{StoreError, StoreTls};
use crate::clock;
use crate::engine::Script;

/// Connections that may exist at once: one in use, one being made while the last is on its way out, and a spare.
const CONNECTIONS: usize = 3;

/// Oldest server that the scripts were tested on.
const OLDEST: (u32, u32) = (6, 2);

/// A server, and the connection to it while there is one.
#[derive(Debug)]
pub(crate) struct RedisStore {
    pool: Pool,
    address: Arc<str>,
    timeout: Duration,
    /// Read by every batch.
    current: ArcSwapOption<RedisSession>,
    /// Held by whoever makes a connection, so that a broken one is replaced once.
    connecting: Mutex<()>,
}

/// A connection that was found fit: right version, right permissions, its process known.
#[derive(Clone)]
pub(crate) struct RedisSession {
    shared: Arc<Shared>,
    connection: MultiplexedConnection,
}

struct Shared {
    /// Holds the connection's place in the pool; gone once the connection broke.
    pooled: Option<Connection>,
    server: String,
    address: Arc<str>,
    timeout: Duration,
    /// How long its first command took.
    round_trip: Duration,
    broken: AtomicBool,
}

impl RedisStore {
    pub(super) fn open(info: ConnectionInfo, tls: &StoreTls, timeout: Duration) -> Result<Self, StoreError> {
        let address: Arc<str> = info.addr().to_string().into();
        if matches!(info.addr(), redis::ConnectionAddr::TcpTls { .. }) {
            // An application that has chosen its own provider keeps it.
            let _ = rustls::crypto::ring::default_provider().install_default();
        }
        let unreachable = |source: Arc<dyn std::error::Error + Send + Sync>| StoreError::Unreachable {
            address: address.to_string(),
            source,
        };
        // The timeouts are this module's own: some calls of the client wait outside of its response timeout.
        let config = AsyncConnectionConfig::new().set_connection_timeout(None).set_response_timeout(None);
        let info = with_certificates(info, tls).map_err(|error| unreachable(Arc::new(error)))?;
        let manager = Manager::new_with_config(info, config).map_err(|error| unreachable(Arc::new(error)))?;
        let pool = Pool::builder(manager)
            .max_size(CONNECTIONS)
            .runtime(Runtime::Tokio1)
            .build()
            .map_err(|error| unreachable(Arc::new(error)))?;
        Ok(Self { pool, address, timeout, current: ArcSwapOption::empty(), connecting: Mutex::new(()) })
    }

    /// The connection in use, or a new one where there is none or it broke.
    pub(super) async fn session(&self) -> Result<RedisSession, StoreError> {
        if let Some(session) = self.usable() {
            return Ok(session);
        }
        let connected = clock::timeout(self.timeout, async {
            let _connecting = self.connecting.lock().await;
            if let Some(session) = self.usable() {
                return Ok(session);
            }
            self.current.store(None);
            let session = self.connect().await?;
            self.current.store(Some(Arc::new(session.clone())));
            Ok(session)
        });
        connected.await.unwrap_or(Err(StoreError::Timeout { after: self.timeout }))
    }

    fn usable(&self) -> Option<RedisSession> {
        self.current.load().as_deref().filter(|session| !session.is_broken()).cloned()
    }

    async fn connect(&self) -> Result<RedisSession, StoreError> {
        let pooled = self.pool.get().await.map_err(|error| match error {
            PoolError::Backend(error) => self.refusal(error),
            other => StoreError::Unreachable { address: self.address.to_string(), source: Arc::new(other) },
        })?;
        let mut connection = (*pooled).clone();
        let asked = clock::now();
        let info: String = redis::cmd("INFO")
            .arg("server")
            .query_async(&mut connection)
            .await
            .map_err(|error| self.refusal(error))?;
        let round_trip = clock::now().saturating_duration_since(asked);
        let field = |name: &str| {
            info.lines()
                .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
                .unwrap_or_default()
                .to_owned()
        };
        let version = field("redis_version");
        if !is_new_enough(&version) {
            return Err(StoreError::TooOld { address: self.address.to_string(), version });
        }
        let shared = Shared {
            pooled: Some(pooled),
            server: field("run_id"),
            address: Arc::clone(&self.address),
            timeout: self.timeout,
            round_trip,
            broken: AtomicBool::new(false),
        };
        Ok(RedisSession { shared: Arc::new(shared), connection })
    }

    fn refusal(&self, error: RedisError) -> StoreError {
        refused_before_scripts(&self.address, error)
    }
}

impl RedisSession {
    pub(super) fn server(&self) -> &str {
        &self.shared.server
    }

    pub(super) fn round_trip(&self) -> Duration {
        self.shared.round_trip
    }

    fn is_broken(&self) -> bool {
        self.shared.broken.load(Ordering::Acquire)
    }

    /// Runs a script by its digest, or, where the node does not have it, by its source on that same node.
    pub(super) async fn call(
        &self,
        script: &Script,
        keys: &[&str],
        argument: &[u8],
    ) -> Result<Vec<u8>, StoreError> {
        let answer = clock::timeout(self.shared.timeout, async {
            match self.run("EVALSHA", script.sha1(), keys, argument).await {
                Err(error) if error.code() == Some("NOSCRIPT") => {
                    self.run("EVAL", script.source(), keys, argument).await
                }
                answer => answer,
            }
        });
        let result = match answer.await {
            Some(Ok(Value::BulkString(reply))) => Ok(reply),
            Some(Ok(other)) => {
                Err(StoreError::Answer { script: script.name(), detail: format!("answered {other:?}") })
            }
            Some(Err(error)) => Err(refusal(script.name(), &self.shared.address, error)),
            None => Err(StoreError::Timeout { after: self.shared.timeout }),
        };
        if result.as_ref().is_err_and(StoreError::ends_connection) {
            self.shared.broken.store(true, Ordering::Release);
        }
        result
    }

    async fn run(
        &self,
        command: &str,
        script: &str,
        keys: &[&str],
        argument: &[u8],
    ) -> Result<Value, RedisError> {
        let mut connection = self.connection.clone();
        let mut command = redis::cmd(command);
        command.arg(script).arg(keys.len()).arg(keys).arg(argument);
        command.query_async(&mut connection).await
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        if let Some(pooled) = self.pooled.take().filter(|_| self.broken.load(Ordering::Acquire)) {
            // Not back into the pool, which would hand it out again.
            drop(Connection::take(pooled));
        }
    }
}

impl fmt::Debug for RedisSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisSession").field("address", &self.shared.address).finish_non_exhaustive()
    }
}

impl StoreError {
    /// Whether the next call should go over another connection. A server that takes no writes may have been demoted;
    /// its connections never notice by themselves.
    fn ends_connection(&self) -> bool {
        self.is_unanswered() || matches!(self, Self::NotWritable { .. } | Self::Unauthorized { .. })
    }
}

/// The same with the certificates that a TLS connection uses.
fn with_certificates(info: ConnectionInfo, tls: &StoreTls) -> Result<ConnectionInfo, RedisError> {
    if tls.is_default() {
        return Ok(info);
    }
    let certificates = TlsCertificates {
        root_cert: tls.authorities().map(<[u8]>::to_vec),
        client_tls: tls.identity().map(|(certificate, key)| ClientTlsConfig {
            client_cert: certificate.to_vec(),
            client_key: key.to_vec(),
        }),
    };
    let client = redis::Client::build_with_tls(info, certificates)?;
    Ok(client.get_connection_info().clone())
}

/// The same where no script has run yet.
fn refused_before_scripts(address: &str, error: RedisError) -> StoreError {
    match refusal("INFO", address, error) {
        StoreError::Script { detail, .. } => StoreError::Refused { address: address.to_owned(), detail },
        refusal => refusal,
    }
}

/// What an error of the server or of the connection means to an operator.
fn refusal(script: &'static str, address: &str, error: RedisError) -> StoreError {
    let detail = || match (error.code(), error.detail()) {
        (Some(code), Some(detail)) => format!("{code} {detail}"),
        _ => error.to_string(),
    };
    match (error.kind(), error.code().unwrap_or_default()) {
        (ErrorKind::AuthenticationFailed, _) | (_, "WRONGPASS" | "NOAUTH") => {
            StoreError::Unauthorized { address: address.to_owned(), detail: detail() }
        }
        (ErrorKind::Server(ServerErrorKind::NoPerm), _) => StoreError::Forbidden { detail: detail() },
        // Of a command inside a script Redis 7.0 says no more than that.
        _ if error.detail().is_some_and(|detail| detail.contains("can't run this command")) => {
            StoreError::Forbidden { detail: format!("a command of the script {script}") }
        }
        (ErrorKind::Server(ServerErrorKind::ReadOnly), _) | (_, "OOM" | "MISCONF" | "NOREPLICAS") => {
            StoreError::NotWritable { detail: detail() }
        }
        (_, "AUDIT") => StoreError::NoAuditTrail { detail: error.detail().unwrap_or_default().to_owned() },
        (_, "SCHEMA") => StoreError::Schema { detail: error.detail().unwrap_or_default().to_owned() },
        // Still loading, busy with a script, or gone: it may answer later.
        (ErrorKind::Io, _) | (_, "LOADING" | "BUSY" | "MASTERDOWN" | "CLUSTERDOWN" | "TRYAGAIN") => {
            StoreError::Unreachable { address: address.to_owned(), source: Arc::new(error) }
        }
        _ => StoreError::Script { script, detail: detail() },
    }
}

fn is_new_enough(version: &str) -> bool {
    let mut numbers = version.split('.').map(|part| part.parse::<u32>().ok());
    let (Some(Some(major)), Some(Some(minor))) = (numbers.next(), numbers.next()) else {
        return false;
    };
    (major, minor) >= OLDEST
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_from_six_two_on_are_new_enough() {
        for version in ["6.2.0", "7.0.15", "7.2.4", "10.0.1"] {
            assert!(is_new_enough(version), "{version}");
        }
        for version in ["6.0.16", "5.0.7", "", "unstable"] {
            assert!(!is_new_enough(version), "{version}");
        }
    }
}
