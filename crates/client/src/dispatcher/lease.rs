//! Leases: what a call in flight holds at a bucket that counts such calls, and those that this process renews.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use crate::clock::Instant;
use crate::policy::{Bucket, HashedName, Policy};

/// A lease is renewed after this part of its length: one renewal may be lost, and the next be late by as much.
const RENEW_PART: u32 = 3;

/// The right of one call to count as in flight at one bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Lease {
    pub(crate) bucket: Bucket,
    /// Unique at its bucket.
    pub(crate) id: u64,
}

/// The leases that are to be renewed, as long as their permits are held here.
#[derive(Debug, Default)]
pub(super) struct Held {
    /// By when they are due, and a number that tells apart those due at once.
    due: BTreeMap<(Instant, u64), Lease>,
    index: HashMap<(HashedName, u64), (Instant, u64)>,
    added: u64,
}

impl Lease {
    fn key(&self) -> (HashedName, u64) {
        (self.bucket.bucket_name().clone(), self.id)
    }

    /// After how long it is to be renewed.
    fn renew_after(&self) -> Duration {
        self.bucket.terms().lease().unwrap_or_default() / RENEW_PART
    }
}

impl Held {
    /// Has a lease renewed from now on.
    pub(super) fn add(&mut self, lease: Lease, now: Instant) {
        let due = now + lease.renew_after();
        self.put(lease, due);
    }

    fn put(&mut self, lease: Lease, due: Instant) {
        let due = (due, self.added);
        self.added += 1;
        if let Some(earlier) = self.index.insert(lease.key(), due) {
            self.due.remove(&earlier);
        }
        self.due.insert(due, lease);
    }

    /// Goes by another policy, which may have shortened leases.
    pub(super) fn follow(&mut self, policy: &Policy, now: Instant) {
        for ((due, _), mut lease) in std::mem::take(&mut self.due) {
            if let Some(bucket) = policy.bucket(lease.bucket.counted_as(), lease.bucket.key()) {
                lease.bucket = bucket;
            }
            let sooner = now + lease.renew_after();
            self.put(lease, due.min(sooner));
        }
    }

    /// Its call is over, or somebody else sees to it.
    pub(super) fn forget(&mut self, lease: &Lease) {
        if let Some(due) = self.index.remove(&lease.key()) {
            self.due.remove(&due);
        }
    }

    /// The leases that are to be renewed by now, at most `most`. They are due again later.
    pub(super) fn take_due(&mut self, now: Instant, most: usize) -> Box<[Lease]> {
        let mut taken = Vec::new();
        while let Some(first) = self.due.first_entry().filter(|first| first.key().0 <= now)
            && taken.len() < most
        {
            taken.push(first.remove());
        }
        for lease in &taken {
            self.add(lease.clone(), now);
        }
        taken.into()
    }

    /// When the next one is to be renewed.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.due.first_key_value().map(|(&(due, _), _)| due)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::Call;
    use crate::clock;

    fn lease(id: u64) -> Lease {
        let policy = "namespace = 'n'\n[[limit]]\nname = 'a'\nper = []\nconcurrent = 5\nlease = '30s'";
        let path = Policy::from_toml(policy).unwrap().path(&Call::get("/")).unwrap();
        Lease { bucket: path.buckets()[0].clone(), id }
    }

    #[test]
    fn a_lease_is_renewed_each_third_of_its_length_until_it_is_forgotten() {
        let start = clock::now();
        let third = Duration::from_secs(10);
        let mut held = Held::default();
        held.add(lease(1), start);
        held.add(lease(2), start + third / 2);
        assert_eq!(held.next_due(), Some(start + third));
        assert!(held.take_due(start + third - Duration::from_millis(1), 9).is_empty());
        assert_eq!(*held.take_due(start + third, 9), [lease(1)]);
        assert_eq!(*held.take_due(start + third * 2, 1), [lease(2)], "no more than may be");
        held.forget(&lease(2));
        assert_eq!(*held.take_due(start + third * 3, 9), [lease(1)]);
        held.forget(&lease(1));
        assert_eq!(held.next_due(), None);
        assert!(held.index.is_empty());
    }

    /// A lease that another policy has made shorter is renewed in time.
    #[test]
    fn a_shorter_lease_is_renewed_sooner() {
        let start = clock::now();
        let mut held = Held::default();
        held.add(lease(1), start);
        let policy = |lease: &str| {
            let text = format!(
                "namespace = 'n'\n[[limit]]\nname = 'a'\nper = []\nconcurrent = 5\nlease = '{lease}'"
            );
            Policy::from_toml(&text).unwrap()
        };
        held.follow(&policy("3s"), start);
        assert_eq!(held.next_due(), Some(start + Duration::from_secs(1)));
        held.follow(&policy("1h"), start);
        assert_eq!(
            held.next_due(),
            Some(start + Duration::from_secs(1)),
            "it was granted by the shorter one"
        );
        held.take_due(start + Duration::from_secs(1), 9);
        assert_eq!(held.next_due(), Some(start + Duration::from_secs(1201)));
        held.forget(&lease(1));
        assert_eq!(held.next_due(), None);
    }

    #[test]
    fn a_lease_that_is_added_twice_is_held_once() {
        let start = clock::now();
        let mut held = Held::default();
        held.add(lease(1), start);
        held.add(lease(1), start + Duration::from_secs(1));
        assert_eq!(held.next_due(), Some(start + Duration::from_secs(11)));
        held.forget(&lease(1));
        assert_eq!(held.next_due(), None);
    }
}
