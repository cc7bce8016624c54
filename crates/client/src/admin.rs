//! What operators ask of a limiter, and change.

use std::time::Duration;

use crate::change::Change;
use crate::engine::{Begin, BucketsPage, Peek, PolicyRecord, Reply, Standing, WriteReply};
use crate::error::Error;
use crate::gate::Tollgate;
use crate::observe::percent;
use crate::policy::{Bucket, Measure, Mode, Policy};

/// Most buckets that are asked about at once.
const ASKED_MOST: usize = 250;

/// A version of the policy.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PolicyVersion {
    /// From 1, one more with every change.
    pub version: u64,
    /// Tells this version from every other one, also from another one of the same number that a failover has undone.
    pub tag: String,
    /// When it was written, in microseconds since 1970 by the store's clock.
    pub written_at_us: u64,
    /// Who wrote it.
    pub author: String,
    /// What for.
    pub reason: String,
    /// It, as canonical JSON.
    pub document: String,
}

/// A bucket as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BucketState {
    /// The limit's name.
    pub limit: String,
    /// Which of its buckets.
    pub key: String,
    /// What is counted in it.
    pub measure: Measure,
    /// Whether it refuses calls or only counts them.
    pub mode: Mode,
    /// Most tokens it holds, or how many calls may be in flight.
    pub burst: u64,
    /// Whole tokens in it, or how many more calls may be in flight.
    pub remaining: u64,
    /// Until it is full again, if nobody comes; where calls in flight are counted at the latest, if no lease is
    /// renewed.
    pub reset_after: Duration,
    /// Until it earns again, where the provider or an operator has said that nothing may pass for a time; else zero.
    pub paused_for: Duration,
    /// At which part of its rate it goes since the provider has refused calls, in hundredths, 2 to 100.
    pub pace_percent: u32,
}

/// Some of the buckets that the store holds.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Buckets {
    /// May be empty although there are more. One may appear twice if buckets come and go meanwhile.
    pub buckets: Vec<BucketState>,
    /// Where the next page begins, `None` after the last one.
    pub next: Option<String>,
}

impl Tollgate {
    /// The policy that the store has in force.
    ///
    /// # Errors
    /// [`Error::Store`], and [`Error::NoPolicy`] if the store has lost it and no call has given it back yet.
    pub async fn policy(&self) -> Result<PolicyVersion, Error> {
        let stored = self.keeper().library().read(None).await?;
        stored.map(PolicyVersion::from).ok_or_else(|| Error::NoPolicy { namespace: self.namespace() })
    }

    /// Puts `policy` into force for all replicas, from their next grant on, as the successor of the one with the tag
    /// `after` (`None`: of whichever is in force). Overrides that have run out by the store's clock are left out.
    ///
    /// # Errors
    /// [`Error::Conflict`] if another one has come into force meanwhile, [`Error::OtherNamespace`], [`Error::Change`]
    /// if a text of `change` can't be kept, [`Error::Store`].
    ///
    /// # Cancel safety
    /// Dropped before it is done the policy may be in force or not.
    pub async fn put_policy(
        &self,
        policy: &Policy,
        after: Option<&str>,
        change: &Change,
    ) -> Result<PolicyVersion, Error> {
        self.put(policy, after, (change, None)).await
    }

    /// The same of a policy that has learned the limit `learned`.
    pub(crate) async fn put(
        &self,
        policy: &Policy,
        after: Option<&str>,
        (change, learned): (&Change, Option<&str>),
    ) -> Result<PolicyVersion, Error> {
        change.check()?;
        let library = self.keeper().library();
        let (predecessor, unexpired) = self.before(policy, after).await?;
        let policy = unexpired.as_ref().unwrap_or(policy);
        if let WriteReply::Conflict(current) =
            library.put(policy, Some(&predecessor), change, (Begin::Empty, learned)).await?
        {
            return Err(Error::Conflict { current });
        }
        let written = library.read(Some(predecessor.version + 1)).await?;
        let written = written.ok_or_else(|| Error::NoPolicy { namespace: self.namespace() })?;
        self.keeper().adopt(written.clone())?;
        Ok(written.into())
    }

    /// The policy in force, if `policy` may follow it, and what would come into force then, if that is another one.
    pub(crate) async fn before(
        &self,
        policy: &Policy,
        after: Option<&str>,
    ) -> Result<(PolicyRecord, Option<Policy>), Error> {
        if policy.namespace() != self.namespace() {
            let (expected, found) = (self.namespace(), policy.namespace().to_owned());
            return Err(Error::OtherNamespace { expected, found });
        }
        let predecessor = if let Some(stored) = self.keeper().library().read(None).await? {
            stored
        } else {
            // Lost: the replicas that hold it give it back, this one among them.
            self.keeper().renew().await?;
            self.current().load().record.clone()
        };
        if after.is_some_and(|after| after != predecessor.fence) {
            return Err(Error::Conflict { current: predecessor.fence });
        }
        // In a box, as it is seldom needed and would make all futures of changes larger.
        let unexpired = Box::pin(self.unexpired(policy)).await?;
        Ok((predecessor, unexpired))
    }

    /// The policy without the overrides that have run out already, if it has any that do: those would be in force until
    /// the next sweep.
    async fn unexpired(&self, policy: &Policy) -> Result<Option<Policy>, Error> {
        if policy.next_expiry_us().is_none() {
            return Ok(None);
        }
        let clock_us = self.keeper().clock_us().await?;
        Ok(Some(policy.without_expired(clock_us)?.policy))
    }

    /// What the store's clock shows, in microseconds since 1970: by it overrides run out, whatever the clock of this
    /// machine says.
    ///
    /// # Errors
    /// [`Error::Store`].
    ///
    /// # Cancel safety
    /// It only reads, unless the store has lost the policy: then it is given that back first.
    pub async fn clock_us(&self) -> Result<u64, Error> {
        self.keeper().clock_us().await
    }

    /// The namespace.
    #[must_use]
    pub fn namespace(&self) -> String {
        self.current().load().policy.namespace().to_owned()
    }

    /// The buckets of `limit` for `key` as they stand, one for each of its measures, full if they were never used; none
    /// if the policy has no such limit, or the limit can't have such a key.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn buckets_of(&self, limit: &str, key: &str) -> Result<Vec<BucketState>, Error> {
        self.standing(|policy| policy.buckets_of(limit, key)).await
    }

    /// A page of the buckets that the store holds, of all limits or of one, from `cursor` on (`None`: from the
    /// beginning): those that are not full, and those that have become full since the last sweep.
    ///
    /// # Errors
    /// [`Error::Store`], also for a cursor that no page has given.
    pub async fn buckets(&self, limit: Option<&str>, cursor: Option<&str>) -> Result<Buckets, Error> {
        let page = BucketsPage { cursor: cursor.unwrap_or("0"), limit };
        let Reply::Done(page) = self.keeper().library().page(&page).await? else {
            return Ok(Buckets { buckets: Vec::new(), next: None });
        };
        let mut buckets = Vec::with_capacity(page.buckets.len());
        // A record may be from before the last change of the policy: how its bucket stands since then is for the script
        // to tell that charges it.
        for listed in page.buckets.chunks(ASKED_MOST) {
            let names = || listed.iter().filter_map(|listed| listed.name.split_once(':'));
            let known = |policy: &Policy| {
                names().filter_map(|(counted_as, key)| policy.bucket(counted_as, key)).collect()
            };
            buckets.extend(self.standing(known).await?);
        }
        Ok(Buckets { buckets, next: Some(page.cursor).filter(|cursor| cursor != "0") })
    }

    /// How these buckets of the policy in force stand, each told once.
    async fn standing(&self, wanted: impl Fn(&Policy) -> Vec<Bucket>) -> Result<Vec<BucketState>, Error> {
        loop {
            let in_force = self.current().load_full();
            let mut question = Peek::default();
            for bucket in &wanted(&in_force.policy) {
                question.push(bucket);
            }
            if question.buckets().is_empty() {
                return Ok(Vec::new());
            }
            match self.keeper().library().peek(&question, &in_force).await? {
                Reply::Done(reply) => {
                    let states = question.buckets().iter().zip(reply.buckets);
                    return Ok(states.map(|(bucket, standing)| BucketState::of(bucket, standing)).collect());
                }
                _ => self.keeper().renew().await?,
            }
        }
    }

    /// Whether the store answers and knows the namespace's policy.
    ///
    /// # Errors
    /// [`Error::Store`], or why the policy can't be taken up.
    pub async fn check(&self) -> Result<(), Error> {
        self.keeper().check().await
    }
}

impl BucketState {
    pub(crate) fn of(bucket: &Bucket, standing: Standing) -> Self {
        let Standing { debt, paused_us, share } = standing;
        let terms = bucket.terms();
        Self {
            limit: bucket.limit_name().to_owned(),
            key: bucket.key().to_owned(),
            measure: bucket.measure(),
            mode: bucket.mode(),
            burst: terms.burst(),
            remaining: terms.remaining_tokens(debt),
            reset_after: Duration::from_micros(terms.full_in_us(debt).max(paused_us)),
            paused_for: Duration::from_micros(paused_us),
            pace_percent: percent(share),
        }
    }
}

impl From<PolicyRecord> for PolicyVersion {
    fn from(record: PolicyRecord) -> Self {
        let PolicyRecord { version, fence, written_at_us, author, reason, document, .. } = record;
        Self { version, tag: fence, written_at_us, author, reason, document }
    }
}
