//! How a limiter is set up.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;

use crate::change::Change;
use crate::embedded::{Clock, EmbeddedStore};
use crate::engine::{Begin, Keys, PolicyRecord, WriteReply};
use crate::error::Error;
use crate::gate::Tollgate;
use crate::identity;
use crate::in_force::InForce;
use crate::keeper::{AUTHOR, Keeper};
use crate::library::Library;
use crate::metrics::Meters;
use crate::policy::{Policy, is_name};
use crate::store::{Store, StoreAddress, StoreTls};

/// Longest that a call waits for the store, unless set otherwise.
const STORE_TIMEOUT: Duration = Duration::from_secs(1);

/// Most calls of one organisation and priority that wait at once, unless set otherwise.
const WAITING_MOST: usize = 10_000;

/// Sets up a [`Tollgate`].
///
/// # Examples
/// ```no_run
/// # async fn example() -> Result<(), tollgate::Error> {
/// use tollgate::{Policy, Tollgate};
///
/// let policy = Policy::from_toml(r#"
///     namespace = "genesys"
///     [[limit]]
///     name = "org"
///     per  = ["org"]
///     rate = "10/s"
/// "#)?;
/// let gate = Tollgate::builder("genesys").store("redis://127.0.0.1/".parse()?).policy(policy).connect().await?;
/// # Ok(()) }
/// ```
#[derive(Debug)]
#[must_use]
pub struct Builder {
    namespace: String,
    address: StoreAddress,
    tls: StoreTls,
    embedded: Option<EmbeddedStore>,
    clock: Clock,
    policy: Option<Policy>,
    begin: Option<Begin>,
    timeout: Duration,
    waiting_most: usize,
}

impl Builder {
    pub(crate) fn new(namespace: &str) -> Self {
        Self {
            namespace: namespace.to_owned(),
            address: StoreAddress::Embedded,
            tls: StoreTls::default(),
            embedded: None,
            clock: Clock::System,
            policy: None,
            begin: None,
            timeout: STORE_TIMEOUT,
            waiting_most: WAITING_MOST,
        }
    }

    /// Where the counters are kept. Default: [`StoreAddress::Embedded`].
    pub fn store(mut self, address: StoreAddress) -> Self {
        self.address = address;
        self
    }

    /// Whom a `rediss://` connection trusts, and how it shows who asks. Default: Mozilla's roots, and no certificate.
    pub fn store_tls(mut self, tls: StoreTls) -> Self {
        self.tls = tls;
        self
    }

    /// An embedded store that this limiter shares with others of this process, on a clock of its own.
    pub fn embedded_store(mut self, store: EmbeddedStore) -> Self {
        self.address = StoreAddress::Embedded;
        self.embedded = Some(store);
        self
    }

    /// The clock of an embedded store. Redis has its own. Default: the system's.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// The policy to begin with, where the namespace has none yet. A namespace that has one keeps it.
    pub fn policy(mut self, policy: Policy) -> Self {
        self.policy = Some(policy);
        self
    }

    /// How the buckets of a namespace begin that the store does not know. Default: full in an embedded store, which was
    /// empty before; empty in a shared one, which may have lost what was spent. A namespace that is known to be new can
    /// begin full.
    pub fn begin(mut self, begin: Begin) -> Self {
        self.begin = Some(begin);
        self
    }

    /// Longest that a call waits for the store to answer, at least 10 ms; less is taken for that. Default: 1 s.
    ///
    /// Each answer of the server is waited for half as long, and then asked for again while there is time. So a
    /// [`StoreError::Timeout`] of [`Builder::connect`] tells of half of it.
    ///
    /// [`StoreError::Timeout`]: crate::StoreError::Timeout
    pub fn store_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout.max(Duration::from_millis(10));
        self
    }

    /// Most calls of one organisation and priority that wait in this process at once, at least 1; further ones get
    /// [`Error::TooManyWaiting`]. Default: 10,000.
    ///
    /// It keeps a demand that is never met from filling the memory. Calls of [`Tollgate::try_acquire`] do not wait, and
    /// neither count nor are turned away. Up to an eighth of those that count may be calls whose futures were dropped.
    pub fn max_waiting(mut self, calls: usize) -> Self {
        self.waiting_most = calls.max(1);
        self
    }

    /// Connects, and takes up the policy in force.
    ///
    /// Must be called within a tokio runtime, on which the limiter's tasks then run.
    ///
    /// # Errors
    /// [`Error::Namespace`] if the namespace is no name, [`Error::Address`] if certificates are given for a store
    /// without TLS, [`Error::Store`] if the store can't be reached or is not fit, [`Error::NoPolicy`] if neither the
    /// store nor the builder has one, [`Error::Policy`] if the stored one can't be read, [`Error::OtherNamespace`] if
    /// the given one is for another namespace.
    ///
    /// # Cancel safety
    /// Dropped before it is done the given policy may have been stored or not.
    pub async fn connect(self) -> Result<Tollgate, Error> {
        let library = self.library()?;
        // Boxed: it is done once, and would make every future that connects as large as itself.
        let record = Box::pin(self.agree(&library)).await?;
        let meters = Arc::new(Meters::default());
        let current = Arc::new(ArcSwap::from_pointee(InForce::compile(record, &meters)?));
        let keeper = Keeper::new(library, Arc::clone(&current), meters);
        Ok(Tollgate::start(keeper, current, self.timeout, self.waiting_most))
    }

    /// Removes all that the store has of the namespace: its policy and that one's history, its buckets, who waits at
    /// them, its API keys. Whether there was anything. For namespaces that were made for a trial; nothing of it can be
    /// had back.
    ///
    /// A replica that goes on with the namespace gives its policy back, as after any loss: end all of them first.
    ///
    /// # Errors
    /// Those of [`Builder::connect`] that are about the namespace's name, the address and the store.
    ///
    /// # Cancel safety
    /// Dropped before it is done the namespace may be gone or not.
    pub async fn remove_namespace(self) -> Result<bool, Error> {
        Ok(self.library()?.remove().await?)
    }

    /// What the namespace has in its store, to which nothing is connected yet.
    pub(crate) fn library(&self) -> Result<Library, Error> {
        // It becomes part of the keys, and of what decides which server holds them.
        if !is_name(&self.namespace) {
            return Err(Error::Namespace { namespace: self.namespace.clone() });
        }
        self.address.check_uses(&self.tls)?;
        // An answer that was lost is to be asked for again while its callers still wait.
        let store = match self.address {
            StoreAddress::Embedded => {
                let own = || EmbeddedStore::new(self.clock.clone());
                Store::in_process(self.embedded.clone().unwrap_or_else(own))
            }
            ref address => Store::open(address, &self.tls, self.timeout / 2)?,
        };
        let (keys, replica) = (Keys::of(&self.namespace), identity::random());
        Ok(Library { store: Arc::new(store), keys, replica })
    }

    /// How the store is reached: its address, by what certificates, and how long an answer is waited for.
    pub(crate) fn way(self) -> (StoreAddress, StoreTls, Duration) {
        (self.address, self.tls, self.timeout / 2)
    }

    /// The namespace's policy: the stored one, or else the given one, which is then stored.
    async fn agree(&self, library: &Library) -> Result<PolicyRecord, Error> {
        if let Some(policy) = self.policy.as_ref().filter(|policy| policy.namespace() != self.namespace) {
            return Err(Error::OtherNamespace {
                expected: self.namespace.clone(),
                found: policy.namespace().to_owned(),
            });
        }
        let begin = self.begin.unwrap_or(if library.store.is_shared() { Begin::Empty } else { Begin::Full });
        loop {
            if let Some(stored) = library.read(None).await? {
                if self.policy.as_ref().is_some_and(|policy| policy.to_json() != stored.document) {
                    tracing::warn!(
                        fence = stored.fence,
                        namespace = self.namespace,
                        "the namespace has another policy than the one given; the stored one is in force"
                    );
                }
                return Ok(stored);
            }
            let policy = self.policy.as_ref().ok_or(Error::NoPolicy { namespace: self.namespace.clone() })?;
            let change =
                Change { author: AUTHOR.to_owned(), reason: "the namespace's first policy".to_owned() };
            // Another replica may have been first: then its policy is there to be read.
            let (WriteReply::Written(_) | WriteReply::Conflict(_)) =
                library.put(policy, None, &change, (begin, None)).await?;
        }
    }
}
