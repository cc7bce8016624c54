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

/// The leases of calls that were granted together, at one bucket.
#[derive(Debug)]
pub(crate) struct Leases {
    pub(crate) first: Lease,
    /// How many of the calls have one: the first of them, with ids that follow each other.
    pub(crate) calls: u32,
}

/// The leases that are to be renewed, as long as their permits are held here.
#[derive(Debug, Default)]
pub(super) struct Held {
    /// By when they are due, and a number that tells apart those due at once.
    due: BTreeMap<(Instant, u64), Lease>,
    index: HashMap<(HashedName, u64), Holding>,
    added: u64,
}

/// Who has a lease renewed, and when that is due.
#[derive(Debug)]
struct Holding {
    due: (Instant, u64),
    /// Permits: all that were granted under one name have one lease.
    permits: usize,
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

impl Leases {
    /// That of the call that has so many before it.
    pub(crate) fn of(&self, number: u32) -> Option<Lease> {
        let Lease { bucket, id } = &self.first;
        (number < self.calls).then(|| Lease { bucket: bucket.clone(), id: id + u64::from(number) })
    }
}

impl Held {
    /// Has a lease renewed from now on, for one more permit.
    pub(super) fn add(&mut self, lease: Lease, now: Instant) {
        let key = lease.key();
        if let Some(holding) = self.index.get_mut(&key) {
            holding.permits += 1;
            return;
        }
        let due = self.plan(lease, now);
        self.index.insert(key, Holding { due, permits: 1 });
    }

    fn plan(&mut self, lease: Lease, now: Instant) -> (Instant, u64) {
        let due = (now + lease.renew_after(), self.added);
        self.added += 1;
        self.due.insert(due, lease);
        due
    }

    /// A permit lets go of its lease. Returns whether no other one here has it.
    pub(super) fn let_go(&mut self, lease: &Lease) -> bool {
        if let Some(holding) = self.index.get_mut(&lease.key()).filter(|holding| holding.permits > 1) {
            holding.permits -= 1;
            return false;
        }
        self.forget(lease);
        true
    }

    /// Its call is over, whoever has a permit for it.
    pub(super) fn forget(&mut self, lease: &Lease) {
        if let Some(holding) = self.index.remove(&lease.key()) {
            self.due.remove(&holding.due);
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
            let due = self.plan(lease.clone(), now);
            if let Some(holding) = self.index.get_mut(&lease.key()) {
                holding.due = due;
            }
        }
        taken.into()
    }

    /// Another policy is in force: leases are from now on renewed as often as it says. Those of a limit that is gone
    /// wait for it to come back.
    pub(super) fn follow(&mut self, policy: &Policy, now: Instant) {
        for (due, mut lease) in std::mem::take(&mut self.due) {
            if let Some(bucket) = policy.bucket(lease.bucket.counted_as(), lease.bucket.key()) {
                lease.bucket = bucket;
            }
            let due = (due.0.min(now + lease.renew_after()), due.1);
            if let Some(holding) = self.index.get_mut(&lease.key()) {
                holding.due = due;
            }
            self.due.insert(due, lease);
        }
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

    /// It is renewed as if there were one permit for it, for as long as there is any.
    #[test]
    fn a_lease_that_two_permits_have_is_held_until_both_let_go() {
        let start = clock::now();
        let third = Duration::from_secs(10);
        let mut held = Held::default();
        held.add(lease(1), start);
        held.add(lease(1), start + Duration::from_secs(1));
        assert_eq!(held.next_due(), Some(start + third));
        assert_eq!(*held.take_due(start + third, 9), [lease(1)]);
        assert!(!held.let_go(&lease(1)));
        assert_eq!(held.next_due(), Some(start + third * 2));
        assert!(held.let_go(&lease(1)));
        assert_eq!(held.next_due(), None);
        assert!(held.let_go(&lease(1)), "nobody has it");
    }

    /// One that another policy has made shorter is renewed in time; one that it has made longer was granted by the
    /// shorter one.
    #[test]
    fn a_shorter_lease_is_renewed_sooner() {
        let start = clock::now();
        let soon = start + Duration::from_secs(1);
        let mut held = Held::default();
        held.add(lease(1), start);
        let policy = |lease: &str| {
            let limit = format!("[[limit]]\nname = 'a'\nper = []\nconcurrent = 5\nlease = '{lease}'");
            Policy::from_toml(&format!("namespace = 'n'\n{limit}")).unwrap()
        };
        held.follow(&policy("3s"), start);
        assert_eq!(held.next_due(), Some(soon));
        held.follow(&policy("1h"), start);
        assert_eq!(held.next_due(), Some(soon));
        held.take_due(soon, 9);
        assert_eq!(held.next_due(), Some(soon + Duration::from_secs(1200)));
        held.forget(&lease(1));
        assert_eq!(held.next_due(), None);
    }

    #[test]
    fn a_call_that_is_over_is_over_for_all_who_have_its_permits() {
        let start = clock::now();
        let mut held = Held::default();
        held.add(lease(1), start);
        held.add(lease(1), start);
        held.forget(&lease(1));
        assert_eq!(held.next_due(), None);
        assert!(held.index.is_empty());
    }
}
