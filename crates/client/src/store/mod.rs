//! Where the scripts run: in Redis, or embedded in this process.

mod address;
mod embedded;
mod error;
mod redis;
mod tls;

pub use address::{ServerAddress, StoreAddress, StoreAddressError};
pub use error::StoreError;
pub use tls::{StoreTls, StoreTlsError};

use std::time::Duration;

use self::embedded::EmbeddedSession;
pub use self::embedded::{EmbeddedStore, Passage};
use self::redis::{RedisSession, RedisStore};
use crate::embedded::Clock;
use crate::engine::Script;

/// A place where the scripts run.
#[derive(Debug)]
pub(crate) enum Store {
    Redis(RedisStore),
    Embedded(EmbeddedStore),
}

/// A connection to one server process. A new one is asked for after every error.
#[derive(Debug)]
pub(crate) enum Session {
    Redis(RedisSession),
    Embedded(EmbeddedSession),
}

impl Store {
    /// Prepares the store at `address`. Nothing is connected yet.
    pub(crate) fn open(
        address: &StoreAddress,
        tls: &StoreTls,
        timeout: Duration,
    ) -> Result<Self, StoreError> {
        match address {
            StoreAddress::Embedded => Ok(Self::embedded(Clock::System)),
            StoreAddress::Redis(server) => {
                RedisStore::open(server.connection_info(), tls, timeout).map(Self::Redis)
            }
        }
    }

    pub(crate) fn embedded(clock: Clock) -> Self {
        Self::Embedded(EmbeddedStore::new(clock))
    }

    /// Whether other processes share what it holds.
    pub(crate) fn is_shared(&self) -> bool {
        matches!(self, Self::Redis(_))
    }

    /// The connection in use, or a new one.
    pub(crate) async fn session(&self) -> Result<Session, StoreError> {
        match self {
            Self::Redis(store) => store.session().await.map(Session::Redis),
            Self::Embedded(store) => Ok(Session::Embedded(store.session())),
        }
    }
}

impl Session {
    /// The run id of the server process: when it changes, what was stored may be from an earlier time.
    pub(crate) fn server(&self) -> &str {
        match self {
            Self::Redis(session) => session.server(),
            Self::Embedded(session) => session.server(),
        }
    }

    /// How long the way there and back took when it was connected, with nothing else to do.
    pub(crate) fn round_trip(&self) -> Duration {
        match self {
            Self::Redis(session) => session.round_trip(),
            Self::Embedded(session) => session.round_trip(),
        }
    }

    /// Runs a script. After [`StoreError::is_unanswered`] it may have run or not.
    pub(crate) async fn call(
        &self,
        script: &Script,
        keys: &[&str],
        argument: &[u8],
    ) -> Result<Vec<u8>, StoreError> {
        match self {
            Self::Redis(session) => session.call(script, keys, argument).await,
            Self::Embedded(session) => session.call(script, keys, argument).await,
        }
    }
}
