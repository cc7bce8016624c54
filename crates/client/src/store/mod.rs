//! Where the scripts run: in Redis, or embedded in this process.

mod address;
mod embedded;
mod error;
mod redis;
mod tls;

pub use address::{ServerAddress, StoreAddress, StoreAddressError};
pub use error::StoreError;
pub use tls::{StoreTls, StoreTlsError};

use std::sync::Arc;
use std::time::Duration;

use self::embedded::EmbeddedSession;
pub use self::embedded::{EmbeddedStore, Passage};
pub use self::redis::{Hindrance, RefusedCommand, ServerFacts};
use self::redis::{RedisSession, RedisStore};
pub(crate) use self::redis::{ServerVisit, reach};
use crate::embedded::Clock;
use crate::engine::Script;
use crate::metrics::StoreMeter;

/// Where a limiter's scripts run, and how they do there.
#[derive(Debug)]
pub(crate) struct Store {
    place: Place,
    meter: Arc<StoreMeter>,
}

#[derive(Debug)]
enum Place {
    Redis(RedisStore),
    Embedded(EmbeddedStore),
}

/// A connection to one server process. A new one is asked for after every error.
#[derive(Debug)]
pub(crate) struct Session {
    connection: Connection,
    meter: Arc<StoreMeter>,
}

#[derive(Debug)]
enum Connection {
    Redis(RedisSession),
    Embedded(EmbeddedSession),
}

impl Store {
    fn at(place: Place) -> Self {
        Self { place, meter: Arc::default() }
    }

    /// Prepares the store at `address`. Nothing is connected yet.
    pub(crate) fn open(
        address: &StoreAddress,
        tls: &StoreTls,
        timeout: Duration,
    ) -> Result<Self, StoreError> {
        match address {
            StoreAddress::Embedded => Ok(Self::embedded(Clock::System)),
            StoreAddress::Redis(server) => {
                Ok(Self::at(Place::Redis(RedisStore::open(server.connection_info(), tls, timeout)?)))
            }
        }
    }

    pub(crate) fn embedded(clock: Clock) -> Self {
        Self::in_process(EmbeddedStore::new(clock))
    }

    /// A store of this process, which others may share.
    pub(crate) fn in_process(store: EmbeddedStore) -> Self {
        Self::at(Place::Embedded(store))
    }

    /// Whether other processes share what it holds.
    pub(crate) fn is_shared(&self) -> bool {
        matches!(self.place, Place::Redis(_))
    }

    /// What was asked of it here, and how that went.
    pub(crate) fn meter(&self) -> &StoreMeter {
        &self.meter
    }

    /// The connection in use, or a new one.
    pub(crate) async fn session(&self) -> Result<Session, StoreError> {
        let connection = match &self.place {
            Place::Redis(store) => store.session().await.map(Connection::Redis),
            Place::Embedded(store) => Ok(Connection::Embedded(store.session())),
        };
        let connection = connection.inspect_err(|error| self.meter.not_connected(error))?;
        Ok(Session { connection, meter: Arc::clone(&self.meter) })
    }
}

impl Session {
    /// The run id of the server process: when it changes, what was stored may be from an earlier time.
    pub(crate) fn server(&self) -> &str {
        match &self.connection {
            Connection::Redis(session) => session.server(),
            Connection::Embedded(session) => session.server(),
        }
    }

    /// How long the way there and back took when it was connected, with nothing else to do.
    pub(crate) fn round_trip(&self) -> Duration {
        match &self.connection {
            Connection::Redis(session) => session.round_trip(),
            Connection::Embedded(session) => session.round_trip(),
        }
    }

    /// Runs a script. After [`StoreError::is_unanswered`] it may have run or not.
    pub(crate) async fn call(
        &self,
        script: &Script,
        keys: &[&str],
        argument: &[u8],
    ) -> Result<Vec<u8>, StoreError> {
        let counted = self.meter.call(script);
        let result = match &self.connection {
            Connection::Redis(session) => session.call(script, keys, argument).await,
            Connection::Embedded(session) => session.call(script, keys, argument).await,
        };
        counted.end(&result);
        result
    }
}
