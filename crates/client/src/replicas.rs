//! Which processes share a namespace.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::clock::{self, Instant};
use crate::engine::{Announce, ReplicaRow, ReplicasRead, Reply};
use crate::error::Error;
use crate::gate::Tollgate;
use crate::identity;
use crate::keeper::Keeper;

/// How often a replica says that it lives. The scripts forget those that have not for ten times as long.
pub(crate) const EVERY: Duration = Duration::from_secs(30);

/// The processes that share a namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Replicas {
    /// The store's time when it was asked, in microseconds since 1970.
    pub now_us: u64,
    /// The tag of the policy in force.
    pub policy: String,
    /// When the counters of the store began empty, in microseconds since 1970 by its clock: after a loss, or because
    /// the namespace was new. 0 where they began full.
    pub epoch_began_us: u64,
    /// Those that have said within five minutes that they live, which they do every 30 s: those that are there longest
    /// first.
    pub replicas: Vec<ReplicaSeen>,
    /// There may be more: about two thousand are noted.
    pub is_cut: bool,
}

/// A replica as it has announced itself.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReplicaSeen {
    /// Its name, as in [`Tollgate::replica`].
    pub id: String,
    /// From when on it has been there, in microseconds since 1970 by the store's clock. After a loss of the store's
    /// state from then on.
    pub since_us: u64,
    /// When it has last said so.
    pub seen_us: u64,
    /// The name of its machine, if that says one.
    pub host: Option<String>,
    /// Its process there.
    pub process: u32,
    /// Its version of Tollgate.
    pub version: String,
    /// The tag of the policy that it holds.
    pub policy: String,
    /// How many calls wait in it.
    pub waiting: u64,
}

/// What a process says of itself.
#[derive(Debug)]
pub(crate) struct Presence {
    host: String,
    has_left: AtomicBool,
}

impl Tollgate {
    /// The processes that share the namespace, as far as they have said so.
    ///
    /// # Errors
    /// [`Error::Store`].
    ///
    /// # Cancel safety
    /// It only reads.
    pub async fn replicas(&self) -> Result<Replicas, Error> {
        let reply = self.keeper().library().replicas(ReplicasRead).await?;
        let Reply::Done(reply) = reply else {
            let (policy, replicas) = (self.current().load().fence().to_owned(), Vec::new());
            return Ok(Replicas { now_us: 0, policy, epoch_began_us: 0, replicas, is_cut: false });
        };
        let mut replicas: Vec<ReplicaSeen> = reply.replicas.into_iter().map(ReplicaSeen::from).collect();
        replicas.sort_by(|one, other| (one.since_us, &one.id).cmp(&(other.since_us, &other.id)));
        let (now_us, policy) = (reply.now_us, reply.fence);
        Ok(Replicas { now_us, policy, epoch_began_us: reply.since_us, replicas, is_cut: reply.is_full })
    }

    /// Has the store forget that this replica is there, for a process that is about to end; without it
    /// [`Tollgate::replicas`] tells it for five more minutes. Calls are granted as before.
    ///
    /// # Errors
    /// [`Error::Store`].
    ///
    /// # Cancel safety
    /// Dropped before it is done the replica may be forgotten or not.
    pub async fn leave(&self) -> Result<(), Error> {
        self.keeper().presence().has_left.store(true, Ordering::Relaxed);
        self.keeper().announce().await
    }
}

impl Presence {
    pub(crate) fn of_this_process() -> Self {
        Self { host: identity::host_name(), has_left: AtomicBool::new(false) }
    }
}

impl Keeper {
    /// Says that this replica lives, or that it ends.
    pub(crate) async fn announce(&self) -> Result<(), Error> {
        let (library, held) = (self.library(), self.held());
        let waiting = self.meters().limits.all().iter().map(|limit| limit.waiting_calls.get()).sum();
        let announce = Announce {
            id: &library.replica,
            ends: self.presence().has_left.load(Ordering::Relaxed),
            host: &self.presence().host,
            process: std::process::id(),
            version: env!("CARGO_PKG_VERSION"),
            fence: held.fence(),
            waiting,
        };
        if let Reply::Done(false) = library.announce(&announce).await? {
            tracing::debug!("there are too many replicas to note this one");
        }
        Ok(())
    }

    /// The same where it is time, given when it was last done.
    pub(crate) async fn announce_again(&self, last: &mut Option<Instant>) -> Result<(), Error> {
        let now = clock::now();
        let is_due = last.is_none_or(|last| now.saturating_duration_since(last) >= EVERY);
        if is_due && !self.presence().has_left.load(Ordering::Relaxed) {
            self.announce().await?;
            *last = Some(now);
        }
        Ok(())
    }
}

impl From<ReplicaRow> for ReplicaSeen {
    /// What others have written may be anything: of their texts only what is one is told.
    fn from(row: ReplicaRow) -> Self {
        Self {
            id: plain(&row.id),
            since_us: row.since_us,
            seen_us: row.seen_us,
            host: Some(plain(&row.host)).filter(|host| !host.is_empty()),
            process: row.process,
            version: plain(&row.version),
            policy: plain(&row.fence),
            waiting: row.waiting,
        }
    }
}

/// At most 255 characters, and of those that names are made of; the others are told as `?`.
fn plain(text: &str) -> String {
    let plain = |letter: char| if letter.is_ascii_graphic() { letter } else { '?' };
    text.chars().take(Announce::TEXT_MAX).map(plain).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_say_of_themselves_steers_nothing() {
        assert_eq!(plain("web-1.example:80"), "web-1.example:80");
        assert_eq!(plain("a\u{1b}[2J b\u{202e}\n"), "a?[2J?b??");
        assert_eq!(plain(&"\u{e4}".repeat(1_000)), "?".repeat(255));
    }
}
