//! What another policy would make of the buckets that have a record.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::admin::BucketState;
use crate::engine::{BucketsPage, Foresee, Reply, Standing};
use crate::error::Error;
use crate::gate::Tollgate;
use crate::in_force::InForce;
use crate::policy::{Bucket, Measure, Mode, Policy};

/// Most buckets that are told.
const BUCKETS_MOST: usize = 1_000;

/// Most pages of about 250 fields that are looked at: about 100,000 fields, in a quarter of a second of the server's
/// time.
const PAGES_MOST: usize = 400;

/// Most buckets that are asked about at once.
const ASKED_MOST: usize = 250;

/// What would become of the buckets that have a record and would not stay as they are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct BucketChanges {
    /// At most 1,000: first those at which calls would begin to wait, then those that would lose most.
    pub buckets: Vec<BucketChange>,
    /// There are more of them, or so many fields in the store that not all were looked at.
    pub is_cut: bool,
}

/// A bucket that has other terms under the other policy.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BucketChange {
    /// The limit's name.
    pub limit: String,
    /// Which of its buckets.
    pub key: String,
    /// What is counted in it.
    pub measure: Measure,
    /// As it stands; `None` if the policy in force does not count it.
    pub now: Option<BucketState>,
    /// As it would stand right after the change, at the same moment; `None` if it would be counted no more.
    pub then: Option<BucketState>,
    /// For how long a call of one token would have to wait then, zero if it would not; `None` if nobody knows, because
    /// all that may be are in flight, or if there would be no such bucket.
    pub wait: Option<Duration>,
}

/// The buckets of one name under both policies.
type Pair = (Option<Bucket>, Option<Bucket>);

impl Tollgate {
    /// What would become of buckets; anything but `Done` if the policy in force is another one meanwhile.
    pub(super) async fn bucket_changes(
        &self,
        in_force: &InForce,
        then: &Policy,
    ) -> Result<Reply<BucketChanges>, Error> {
        let library = self.keeper().library();
        let (mut found, mut is_cut, mut cursor) = (BTreeMap::new(), false, "0".to_owned());
        for _ in 0..PAGES_MOST {
            let page = match library.page(&BucketsPage { cursor: &cursor, limit: None }).await? {
                Reply::Done(page) => page,
                other => return Ok(other.map(|_| BucketChanges::default())),
            };
            let names: BTreeSet<String> = page.buckets.into_iter().map(|listed| listed.name).collect();
            let pairs: Vec<Pair> = names.iter().filter_map(|name| pair(in_force, then, name)).collect();
            for pairs in pairs.chunks(ASKED_MOST) {
                let mut question = Foresee::default();
                for (now, then) in pairs {
                    question.push(now.as_ref(), then.as_ref());
                }
                let reply = match library.foresee(&question, in_force, then).await? {
                    Reply::Done(reply) => reply,
                    other => return Ok(other.map(|_| BucketChanges::default())),
                };
                let (mut now, mut then) = (reply.now.into_iter(), reply.then.into_iter());
                for pair in pairs {
                    let standings =
                        [pair.0.as_ref().and_then(|_| now.next()), pair.1.as_ref().and_then(|_| then.next())];
                    let change = BucketChange::of(pair, standings);
                    // One that was on an earlier page too is as it was told last.
                    found.extend(change.map(|change| (change.name(), change)));
                }
            }
            is_cut |= keep_foremost(&mut found, 2 * BUCKETS_MOST);
            cursor = page.cursor;
            if cursor == "0" {
                break;
            }
        }
        is_cut |= cursor != "0";
        is_cut |= keep_foremost(&mut found, BUCKETS_MOST);
        let mut buckets: Vec<_> = found.into_values().collect();
        buckets.sort_by_cached_key(BucketChange::rank);
        Ok(Reply::Done(BucketChanges { buckets, is_cut }))
    }
}

/// A bucket under both policies, unless it is the same under both, or neither counts it.
fn pair(in_force: &InForce, then: &Policy, name: &str) -> Option<Pair> {
    let (counted_as, key) = name.split_once(':')?;
    let (now, then) = (in_force.policy.bucket(counted_as, key), then.bucket(counted_as, key));
    let terms = |bucket: &Option<Bucket>| bucket.as_ref().map(|bucket| (bucket.terms(), bucket.mode()));
    (terms(&now) != terms(&then)).then_some((now, then))
}

/// Leaves so many of the foremost. Whether there were more.
fn keep_foremost(found: &mut BTreeMap<[String; 3], BucketChange>, most: usize) -> bool {
    if found.len() <= most {
        return false;
    }
    let mut ranked: Vec<_> = found.values().map(BucketChange::rank).collect();
    ranked.sort_unstable();
    ranked.drain(..BUCKETS_MOST.min(most));
    for (_, _, _, name) in ranked {
        found.remove(&name);
    }
    true
}

impl BucketChange {
    fn of((now, then): &Pair, standings: [Option<Standing>; 2]) -> Option<Self> {
        let bucket = now.as_ref().or(then.as_ref())?;
        let state = |bucket: &Option<Bucket>, standing| Some(BucketState::of(bucket.as_ref()?, standing?));
        Some(Self {
            limit: bucket.limit_name().to_owned(),
            key: bucket.key().to_owned(),
            measure: bucket.measure(),
            now: state(now, standings[0]),
            then: state(then, standings[1]),
            wait: then.as_ref().zip(standings[1]).and_then(|(bucket, standing)| wait(bucket, standing)),
        })
    }

    fn name(&self) -> [String; 3] {
        [self.limit.clone(), self.measure.suffix().to_owned(), self.key.clone()]
    }

    /// Whether calls would have to wait then.
    #[must_use]
    pub fn waits(&self) -> bool {
        self.then.is_some() && self.wait != Some(Duration::ZERO)
    }

    /// What comes first is the least.
    fn rank(&self) -> (Reverse<bool>, Reverse<u64>, Reverse<u64>, [String; 3]) {
        let remaining = |state: &Option<BucketState>| state.as_ref().map_or(0, |state| state.remaining);
        let (now, then) = (remaining(&self.now), remaining(&self.then));
        let begins_to_wait = self.waits() && now > 0;
        let lost = if self.then.is_some() { now.saturating_sub(then) } else { 0 };
        (Reverse(begins_to_wait), Reverse(lost), Reverse(now.abs_diff(then)), self.name())
    }
}

/// How long a call of one token waits, `None` if nobody knows.
fn wait(bucket: &Bucket, Standing { debt, paused_us, .. }: Standing) -> Option<Duration> {
    let terms = bucket.terms();
    if bucket.mode() == Mode::Observe {
        return Some(Duration::ZERO);
    }
    if terms.counts_in_flight() && terms.remaining_tokens(debt) == 0 {
        return None;
    }
    Some(Duration::from_micros(terms.wait_us(debt, 1, 0).max(paused_us)))
}
