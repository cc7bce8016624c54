//! The limiter: what applications hold.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::task::JoinHandle;

use crate::acquire::Acquire;
use crate::builder::Builder;
use crate::call::Call;
use crate::clock::{self, Instant};
use crate::decision::{Decision, Reason, Refused};
use crate::dispatcher::{self, Doors, GoneOut, Inbox, Notice, Outbox, Patience, Reports, Setup};
use crate::error::Error;
use crate::in_force::Current;
use crate::keeper::Keeper;
use crate::policy::{Bucket, Policy};
use crate::store::StoreAddress;
use crate::sweeper;

/// How old the policy may be by which a call is decided on without the store. As often as for calls that wait.
const LOOK_AGAIN: Duration = Duration::from_millis(200);

/// A limiter over the buckets of one namespace, shared with every replica on the same store.
///
/// Cheap to clone; all clones are one limiter. Its tasks end when the last clone, and the last permit, is dropped.
///
/// # Examples
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), tollgate::Error> {
/// use std::time::Duration;
/// use tollgate::{Call, Decision, Policy, Tollgate};
///
/// let policy = Policy::from_toml(r#"
///     namespace = "genesys"
///     [[limit]]
///     name  = "org"
///     per   = ["org"]
///     rate  = "10/s"
///     burst = 10
/// "#)?;
/// let gate = Tollgate::embedded(policy).await?;
/// let call = Call::get("/api/v2/users").org("acme");
///
/// match gate.try_acquire(&call).await? {
///     Decision::Granted(permit) => println!("send it, {} left", permit.limits().next().unwrap().remaining),
///     Decision::Refused(refused) => println!("come back in {:?}", refused.retry_after),
/// }
/// let permit = gate.acquire(&call).within(Duration::from_secs(5)).await?;
/// # drop(permit); Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct Tollgate {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    keeper: Arc<Keeper>,
    current: Current,
    inbox: Inbox,
    outbox: Outbox,
    gone: GoneOut,
    reports: Arc<Reports>,
    store_timeout: Duration,
    /// When a call has last had the policy compared with the store's.
    looked_at: Mutex<Instant>,
    sweeper: JoinHandle<()>,
}

impl Tollgate {
    /// A limiter on the store at `address` for a namespace that has a policy already.
    ///
    /// As [`Builder::connect`], which says more; [`Tollgate::builder`] takes a first policy.
    ///
    /// # Errors
    /// [`Error::Address`] if the address can't be read, else those of [`Builder::connect`].
    pub async fn connect(address: &str, namespace: &str) -> Result<Self, Error> {
        Self::builder(namespace).store(address.parse::<StoreAddress>()?).connect().await
    }

    /// A limiter of this process alone, with full buckets. Nothing is shared, nothing outlives it.
    ///
    /// Must be called within a tokio runtime, on which the limiter's tasks then run.
    ///
    /// # Errors
    /// [`Error::Store`] if the engine does not start.
    pub async fn embedded(policy: Policy) -> Result<Self, Error> {
        let builder = Self::builder(policy.namespace());
        builder.policy(policy).connect().await
    }

    /// A limiter to be set up in detail.
    pub fn builder(namespace: &str) -> Builder {
        Builder::new(namespace)
    }

    pub(crate) fn start(
        keeper: Keeper,
        current: Current,
        store_timeout: Duration,
        waiting_most: usize,
    ) -> Self {
        let keeper = Arc::new(keeper);
        let library = keeper.library();
        let sweeper = tokio::spawn(sweeper::run(Arc::clone(&keeper)));
        let reports = Arc::new(Reports::default());
        let Doors { inbox, outbox, gone } = dispatcher::start(Setup {
            store: Arc::clone(&library.store),
            keys: library.keys.clone(),
            current: Arc::clone(&current),
            keeper: Arc::clone(&keeper),
            replica: library.replica.clone(),
            timeout: store_timeout,
            waiting_most,
            reports: Arc::clone(&reports),
        });
        let looked_at = Mutex::new(clock::now());
        let inner =
            Inner { keeper, current, inbox, outbox, gone, reports, store_timeout, looked_at, sweeper };
        Self { inner: Arc::new(inner) }
    }

    /// Asks once: granted or refused, without waiting for tokens. The store's answer it waits for.
    ///
    /// # Errors
    /// As for [`Acquire`], but for [`Error::Refused`].
    ///
    /// # Cancel safety
    /// As for [`Acquire`].
    pub async fn try_acquire(&self, call: &Call) -> Result<Decision, Error> {
        Acquire::new(self, call, Patience::None).decide().await
    }

    /// Waits for a permit; awaited as it is without end, with [`Acquire::within`] no longer than that.
    pub fn acquire<'a>(&'a self, call: &'a Call) -> Acquire<'a> {
        Acquire::new(self, call, Patience::Endless)
    }

    /// The name of this replica, made when it was connected: 32 hexadecimal digits. The audit trail tells by it who did
    /// what.
    #[must_use]
    pub fn replica(&self) -> &str {
        &self.keeper().library().replica
    }

    pub(crate) fn current(&self) -> &Current {
        &self.inner.current
    }

    pub(crate) fn keeper(&self) -> &Keeper {
        &self.inner.keeper
    }

    /// The same, for who may outlive the limiter.
    pub(crate) fn shared_keeper(&self) -> Arc<Keeper> {
        Arc::clone(&self.inner.keeper)
    }

    /// Looks whether the policy is still the store's, unless a call has just had that done. Whether it has looked.
    ///
    /// Calls that the store decides on carry the policy's fence with them. This is for those it is never asked about:
    /// they would go by a policy that was replaced long ago. Where the store does not answer, the policy at hand has to
    /// do.
    pub(crate) async fn look_again(&self) -> bool {
        if !self.keeper().library().store.is_shared() || !self.is_time_to_look() {
            return false;
        }
        // Boxed: it is rare, and would make every acquire as large as itself.
        let check: Pin<Box<dyn Future<Output = Result<(), Error>> + Send + '_>> =
            Box::pin(self.keeper().check());
        match clock::timeout(self.store_timeout(), check).await {
            Some(Ok(())) => {}
            Some(Err(error)) => tracing::debug!(%error, "the policy can't be compared with the store's"),
            None => tracing::debug!("the policy can't be compared with the store's in time"),
        }
        true
    }

    /// For one call every now and then.
    fn is_time_to_look(&self) -> bool {
        let now = clock::now();
        let mut looked_at = self.inner.looked_at.lock().unwrap_or_else(PoisonError::into_inner);
        let is_time = now.saturating_duration_since(*looked_at) >= LOOK_AGAIN;
        if is_time {
            *looked_at = now;
        }
        is_time
    }

    pub(crate) fn inbox(&self) -> &Inbox {
        &self.inner.inbox
    }

    /// Longest that a call waits for the store to answer.
    pub(crate) fn store_timeout(&self) -> Duration {
        self.inner.store_timeout
    }

    pub(crate) fn outbox(&self) -> &Outbox {
        &self.inner.outbox
    }

    /// Has it counted that a caller was told of a refusal.
    pub(crate) fn report_refusal(&self, refused: &Refused) {
        let Refused { limit, key, measure, reason, .. } = refused;
        // One that has no bucket, because there are too many, gets none for this either.
        let key = if *reason == Reason::Buckets { "" } else { key };
        self.told(self.inner.reports.refused(&format!("{limit}{}:{key}", measure.suffix())));
    }

    /// Has it counted that a caller was told of a grant for which it had waited.
    pub(crate) fn report_wait(&self, bucket: &Bucket, waited: Duration) {
        self.told(self.inner.reports.waited(bucket.name(), waited));
    }

    fn told(&self, is_first: bool) {
        if is_first {
            let _ = self.inner.outbox.send(Notice::Told);
        }
    }

    /// Where those say so who wait no more.
    pub(crate) fn gone(&self) -> &GoneOut {
        &self.inner.gone
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.sweeper.abort();
    }
}
