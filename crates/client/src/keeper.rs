//! Keeps this replica's policy and the store's the same.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use crate::change::Change;
use crate::engine::{Begin, Peek, PolicyRecord, Reply, WriteReply};
use crate::error::Error;
use crate::in_force::{Current, InForce};
use crate::library::Library;
use crate::metrics::Meters;
use crate::observe::percent;
use crate::policy::Expired;
use crate::replicas::Presence;

/// A policy that another replica writes at the same moment is met again on the next try; more than a few in a row are
/// none.
const TRIES: usize = 5;

/// Who changes the policy where nobody does.
pub(crate) const AUTHOR: &str = "tollgate";

/// Ends a reason that has no room for all that it is about.
const AND_OTHERS: &str = " and others";

/// Holds the policy in force.
#[derive(Debug)]
pub(crate) struct Keeper {
    library: Library,
    current: Current,
    /// What the limiter counts.
    meters: Arc<Meters>,
    /// The last epoch that was seen: where the store is lost the next one begins.
    epoch: AtomicU64,
    /// Whether one was: the first of a namespace that began full is 0.
    has_seen_epoch: AtomicBool,
    /// When an operator has last ended a pause, as the store has said last, in microseconds; 0 if none has.
    eased_us: AtomicU64,
    /// What this process says of itself.
    presence: Presence,
}

impl Keeper {
    pub(crate) fn new(library: Library, current: Current, meters: Arc<Meters>) -> Self {
        let (epoch, eased_us) = (AtomicU64::new(0), AtomicU64::new(0));
        let (has_seen_epoch, presence) = (AtomicBool::new(false), Presence::of_this_process());
        Self { library, current, meters, epoch, has_seen_epoch, eased_us, presence }
    }

    pub(crate) fn meters(&self) -> &Meters {
        &self.meters
    }

    pub(crate) fn presence(&self) -> &Presence {
        &self.presence
    }

    pub(crate) fn library(&self) -> &Library {
        &self.library
    }

    /// The policy that this replica holds.
    pub(crate) fn held(&self) -> Arc<InForce> {
        self.current.load_full()
    }

    pub(crate) fn saw_epoch(&self, epoch: u64) {
        self.epoch.fetch_max(epoch, Ordering::Relaxed);
        self.has_seen_epoch.store(true, Ordering::Relaxed);
    }

    /// The last epoch that was seen, if one was.
    pub(crate) fn epoch(&self) -> Option<u64> {
        self.has_seen_epoch.load(Ordering::Relaxed).then(|| self.epoch.load(Ordering::Relaxed))
    }

    /// The store has said when an operator has last ended a pause. After a loss of its state that may be earlier than
    /// was known.
    pub(crate) fn saw_eased(&self, eased_us: u64) {
        self.eased_us.store(eased_us, Ordering::Relaxed);
    }

    /// When an operator has last ended a pause, as far as is known: where it is another time than before, those who
    /// wait may go sooner than they were told.
    pub(crate) fn eased_us(&self) -> u64 {
        self.eased_us.load(Ordering::Relaxed)
    }

    /// Looks whether the policy is still the same, and reads it if not.
    pub(crate) async fn check(&self) -> Result<(), Error> {
        self.look().await.map(drop)
    }

    /// The same. Returns what the store's clock shows, in microseconds since 1970, if the policy was still the same.
    async fn look(&self) -> Result<Option<u64>, Error> {
        let current = self.current.load_full();
        match self.library.peek(&Peek::default(), &current).await? {
            Reply::Done(reply) => {
                self.saw_epoch(reply.epoch);
                self.saw_eased(reply.eased_us);
                Ok(Some(reply.clock_us))
            }
            _ => self.renew().await.map(|()| None),
        }
    }

    /// What the store's clock shows, in microseconds since 1970.
    pub(crate) async fn clock_us(&self) -> Result<u64, Error> {
        for _ in 0..TRIES {
            if let Some(clock_us) = self.look().await? {
                return Ok(clock_us);
            }
        }
        Err(Error::Conflict { current: self.current.load().fence().to_owned() })
    }

    /// Takes over the store's policy, or gives this replica's back to a store that has lost it or has an older one.
    pub(crate) async fn renew(&self) -> Result<(), Error> {
        for _ in 0..TRIES {
            let held = self.current.load_full();
            let stored = self.library.read(None).await?;
            let is_lost = stored.is_none();
            if let Some(stored) = stored
                && stored.version >= held.record.version
                && stored.fence != held.record.fence
            {
                return self.adopt(stored);
            }
            let epoch = self.epoch().unwrap_or(0);
            match self.library.restore(&held.record, epoch).await? {
                WriteReply::Written(fence) if fence == held.record.fence => {
                    if is_lost {
                        tracing::warn!(
                            policy = fence,
                            "the store had lost the policy, and has it back; buckets begin empty"
                        );
                    }
                    return Ok(());
                }
                WriteReply::Written(_) | WriteReply::Conflict(_) => {}
            }
        }
        Err(Error::Conflict { current: self.current.load().fence().to_owned() })
    }

    /// Puts the policy into force without the overrides that have run out by the store's clock. Returns how long it
    /// takes until the next one does. Of a whole fleet one replica is the first; the others find its policy.
    pub(crate) async fn expire(&self) -> Result<Option<Duration>, Error> {
        if self.held().policy.next_expiry_us().is_none() {
            return Ok(None);
        }
        let now_us = self.clock_us().await?;
        let held = self.held();
        let Some(at_us) = held.policy.next_expiry_us() else { return Ok(None) };
        if at_us > now_us {
            return Ok(Some(Duration::from_micros(at_us - now_us)));
        }
        let Expired { policy, overrides } = held.policy.without_expired(now_us)?;
        let change = Change { author: AUTHOR.to_owned(), reason: told(&overrides) };
        self.library.put(&policy, Some(&held.record), &change, (Begin::Empty, None)).await?;
        self.renew().await?;
        Ok(self
            .held()
            .policy
            .next_expiry_us()
            .map(|at_us| Duration::from_micros(at_us.saturating_sub(now_us))))
    }

    /// Looks at which pace the buckets go now that the provider has refused last: they speed up again by themselves.
    pub(crate) async fn follow_paces(&self) -> Result<(), Error> {
        let held = self.held();
        let (mut question, mut slow) = (Peek::default(), Vec::new());
        for limit in self.meters.limits.all() {
            let Some(bucket) = limit.slow_bucket() else { continue };
            if let Some(bucket) = held.policy.bucket(bucket.counted_as(), bucket.key()) {
                question.push(&bucket);
                slow.push((limit, bucket));
            } else {
                limit.forget_pace();
            }
        }
        if slow.is_empty() {
            return Ok(());
        }
        if let Reply::Done(reply) = self.library.peek(&question, &held).await? {
            for ((limit, bucket), standing) in slow.into_iter().zip(reply.buckets) {
                limit.set_pace(percent(standing.share), bucket);
            }
        }
        Ok(())
    }

    /// Puts a stored policy into force, unless a later one is already.
    pub(crate) fn adopt(&self, record: PolicyRecord) -> Result<(), Error> {
        let adopted = Arc::new(InForce::compile(record, &self.meters)?);
        self.current.rcu(|held| {
            if held.record.version > adopted.record.version { Arc::clone(held) } else { Arc::clone(&adopted) }
        });
        Ok(())
    }
}

/// Which overrides have run out, as far as a reason has room for them.
fn told(overrides: &[(String, String)]) -> String {
    if let [(limit, key)] = overrides {
        let named = format!("the override of {key} at limit {limit} has expired");
        if named.len() <= Change::REASON_BYTES_MAX {
            return named;
        }
    }
    let mut reason = format!("overrides have expired: {}", overrides.len());
    for (index, (limit, key)) in overrides.iter().enumerate() {
        let next = format!("{}{key} at limit {limit}", if index == 0 { "; " } else { ", " });
        if reason.len() + next.len() + AND_OTHERS.len() > Change::REASON_BYTES_MAX {
            return reason + if index == 0 { "" } else { AND_OTHERS };
        }
        reason += &next;
    }
    reason
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_names_the_overrides_as_far_as_it_has_room() {
        let of = |keys: &[&str]| {
            told(&keys.iter().map(|&key| ("org".to_owned(), key.to_owned())).collect::<Vec<_>>())
        };
        assert_eq!(of(&["acme"]), "the override of acme at limit org has expired");
        assert_eq!(of(&["a", "b"]), "overrides have expired: 2; a at limit org, b at limit org");
        let long = "x".repeat(Change::REASON_BYTES_MAX);
        assert_eq!(of(&[&long]), "overrides have expired: 1");
        assert_eq!(of(&["a", &long]), "overrides have expired: 2; a at limit org and others");
        let many = of(&["a long name"; 200]);
        assert!(many.len() <= Change::REASON_BYTES_MAX && many.ends_with(" and others"), "{many}");
    }
}
