//! A store and a namespace that are looked at, part by part, without a limiter and without a change.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::access::ApiKeys;
use crate::admin::PolicyVersion;
use crate::audit::AuditOrder;
use crate::builder::Builder;
use crate::engine::{AuditRead, Peek, Reply, Streams, UsageRead};
use crate::error::Error;
use crate::in_force::InForce;
use crate::library::Library;
use crate::metrics::Meters;
use crate::store::{RefusedCommand, ServerAddress, ServerFacts, ServerVisit, StoreError, StoreTls, reach};

/// Looks at a store and a namespace, for whoever wants to know why a limiter does not work there.
///
/// Made by [`Builder::inspection`]. Each question is asked by itself, so that one that fails does not hide the others.
/// Nothing is written: no answer depends on the user's right to.
pub struct Inspection {
    library: Library,
    server: ServerAddress,
    tls: StoreTls,
    timeout: Duration,
    visit: Option<ServerVisit>,
}

/// How the counters of a namespace stand to its policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StateSeen {
    /// They are there, and go by the policy.
    Current,
    /// There are none: a replica begins with empty buckets.
    Lost,
    /// They go by another policy, as for a moment while it changes.
    OtherPolicy,
}

impl Builder {
    /// A look at the store and the namespace. Nothing is connected yet.
    ///
    /// # Errors
    /// [`Error::Namespace`], and [`Error::Address`] if the store is embedded or certificates are given for one without
    /// TLS; [`Error::Store`] if certificates can't be used.
    pub fn inspection(self) -> Result<Inspection, Error> {
        let library = self.library()?;
        let (address, tls, timeout) = self.way();
        Ok(Inspection { library, server: address.server()?.clone(), tls, timeout, visit: None })
    }
}

impl Inspection {
    /// Whether anybody takes connections at the address.
    ///
    /// # Errors
    /// [`StoreError::Unreachable`], [`StoreError::Timeout`]
    pub async fn reach(&self) -> Result<(), StoreError> {
        reach(&self.server.connection_info(), self.timeout).await
    }

    /// Connects, by TLS if the address says so, and shows the user and the password. What follows needs it.
    ///
    /// # Errors
    /// [`StoreError`]: what the server, or the connection, said.
    pub async fn connect(&mut self) -> Result<(), StoreError> {
        let info = self.server.connection_info();
        self.visit = Some(ServerVisit::begin(info, &self.tls, self.timeout).await?);
        Ok(())
    }

    fn visit(&self) -> Result<&ServerVisit, StoreError> {
        self.visit.as_ref().ok_or_else(|| StoreError::Refused {
            address: self.server.connection_info().addr().to_string(),
            detail: "not connected yet".to_owned(),
        })
    }

    /// What the server says of itself.
    ///
    /// # Errors
    /// [`StoreError`]; [`StoreError::Forbidden`] if the user may not ask for it.
    pub async fn server(&self) -> Result<ServerFacts, StoreError> {
        self.visit()?.facts().await
    }

    /// The commands that are needed and that the user may not run. Each is tried in a way that changes nothing; those
    /// that are refused stand in the server's `ACL LOG`.
    ///
    /// # Errors
    /// [`StoreError`] if there is no answer.
    pub async fn refused_commands(&self) -> Result<Vec<RefusedCommand>, StoreError> {
        self.visit()?.refused_commands(&self.library.keys).await
    }

    /// What the server's clock shows, in microseconds since 1970.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn clock_us(&self) -> Result<u64, StoreError> {
        self.visit()?.clock_us().await
    }

    /// How long a command takes there and back that needs no work.
    ///
    /// # Errors
    /// [`StoreError`] if there is no answer.
    pub async fn round_trip(&self) -> Result<Duration, StoreError> {
        self.visit()?.round_trip().await
    }

    /// The policy in force, `None` if the namespace has none here.
    ///
    /// # Errors
    /// [`StoreError`]; [`StoreError::Schema`] if it was stored by a version of Tollgate that this one does not know.
    pub async fn policy(&self) -> Result<Option<PolicyVersion>, StoreError> {
        Ok(self.library.read(None).await?.map(PolicyVersion::from))
    }

    /// How the counters stand to the policy in force; `None` if there is no policy.
    ///
    /// # Errors
    /// [`Error::Store`], and [`Error::Policy`] if the policy can't be read.
    pub async fn state(&self) -> Result<Option<StateSeen>, Error> {
        let Some(record) = self.library.read(None).await? else { return Ok(None) };
        let in_force = InForce::compile(record, &Arc::new(Meters::default()))?;
        Ok(Some(match self.library.peek(&Peek::default(), &in_force).await? {
            Reply::Done(_) => StateSeen::Current,
            Reply::Lost => StateSeen::Lost,
            _ => StateSeen::OtherPolicy,
        }))
    }

    /// Whether the audit trail and the books can be read.
    ///
    /// # Errors
    /// [`StoreError`]; [`StoreError::NoAuditTrail`] if the key of the trail holds something else.
    pub async fn records(&self) -> Result<(), StoreError> {
        let newest = AuditRead {
            first: None,
            last: None,
            count: 1,
            order: AuditOrder::NewestFirst,
            streams: Streams::All,
        };
        self.library.audit(&newest).await?;
        self.library.usage(UsageRead { hours: true, first: 0, count: 1, limit: None }).await.map(drop)
    }

    /// The API keys of the namespace.
    #[must_use]
    pub fn api_keys(&self) -> ApiKeys {
        ApiKeys::of(self.library.clone())
    }
}

impl fmt::Debug for Inspection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inspection").field("connected", &self.visit.is_some()).finish_non_exhaustive()
    }
}
