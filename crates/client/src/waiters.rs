//! Who waits where.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::call::Priority;
use crate::engine::{Reply, WaitedBucket, WaitersPage, WaitingFlow};
use crate::error::Error;
use crate::gate::Tollgate;
use crate::observe::percent;
use crate::policy::{Bucket, Measure, Policy};

/// Pages of one answer, of about 250 fields each. The store does other work between two of them.
const PAGES_MOST: usize = 20;

/// Whose waiting is to be told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WaitersQuery {
    /// Only at this limit.
    pub limit: Option<String>,
    /// Only at buckets with this key.
    pub key: Option<String>,
    /// Only where this organisation waits, and of those who wait there only it.
    pub org: Option<String>,
}

/// Some of those who wait.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Waiters {
    /// By limit, measure and key.
    pub buckets: Vec<WaitedAt>,
    /// Where the next part begins, `None` after the last one.
    pub next: Option<String>,
}

/// A bucket at which somebody waits.
///
/// A *ticket* is a place in its queue. A replica takes no more of them for a flow than may be granted within a fifth of
/// a second, so there may be fewer than calls that wait; and a ticket whose owner has gone stays until a little after
/// the time at which he would have come.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct WaitedAt {
    /// The limit's name.
    pub limit: String,
    /// Which of its buckets.
    pub key: String,
    /// What is counted in it.
    pub measure: Measure,
    /// From when on somebody has waited without a break, in microseconds since 1970 by the store's clock.
    pub since_us: u64,
    /// How many tickets are in its queue.
    pub tickets: u64,
    /// The tokens that they want.
    pub tokens: u64,
    /// Until all of them can have been granted; `None` where calls in flight are counted, as nobody knows when those
    /// are over.
    pub expected_in: Option<Duration>,
    /// Until it earns again, if it is paused; else zero.
    pub paused_for: Duration,
    /// At which part of its rate it goes, in hundredths, 2 to 100.
    pub pace_percent: u32,
    /// Who waits there, as far as it is known: an organisation's calls of one priority of which the last waits, and
    /// which have asked in the last minute or so. In the order of their turns.
    pub orgs: Vec<WaitingOrg>,
}

/// An organisation that waits with calls of one priority.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct WaitingOrg {
    /// Its name, "" for calls without one.
    pub org: String,
    /// Of the calls.
    pub priority: Priority,
    /// The tokens that the last of them wants.
    pub tokens: u64,
    /// The tokens of all tickets whose turn comes before that one's.
    pub ahead: u64,
    /// Until that one can be granted, if all before it come; `None` where calls in flight are counted.
    pub expected_in: Option<Duration>,
    /// When it has last asked, in microseconds since 1970 by the store's clock.
    pub asked_at_us: u64,
}

impl Tollgate {
    /// Who waits where, from `cursor` on (`None`: from the beginning). Of a namespace of some thousand buckets that is
    /// all; else the rest is asked for with [`Waiters::next`].
    ///
    /// # Errors
    /// [`Error::Store`], also for a cursor that no answer has given.
    ///
    /// # Cancel safety
    /// It only reads.
    pub async fn waiters(&self, query: &WaitersQuery, cursor: Option<&str>) -> Result<Waiters, Error> {
        let in_force = self.current().load_full();
        let mut found = BTreeMap::new();
        let mut cursor = cursor.unwrap_or("0").to_owned();
        for _ in 0..PAGES_MOST {
            let page = WaitersPage { cursor: &cursor, limit: query.limit.as_deref() };
            let Reply::Done(page) = self.keeper().library().waiters(&page).await? else {
                "0".clone_into(&mut cursor);
                break;
            };
            for waited in page.buckets {
                query.take_up(&in_force.policy, &waited, &mut found);
            }
            cursor = page.cursor;
            if cursor == "0" {
                break;
            }
        }
        let buckets = found.into_values().filter(|waited| query.org.is_none() || !waited.orgs.is_empty());
        let mut buckets: Vec<WaitedAt> = buckets.collect();
        for waited in &mut buckets {
            waited.orgs.sort_by_key(|flow| flow.ahead);
        }
        Ok(Waiters { buckets, next: Some(cursor).filter(|cursor| cursor != "0") })
    }
}

/// By limit, measure and key.
type Found = BTreeMap<(String, &'static str, String), WaitedAt>;

impl WaitersQuery {
    /// Adds a bucket of a page to those that were found, or to the same one of an earlier page who else waits there.
    /// One that is none of the policy's is left out: nobody waits there any more.
    fn take_up(&self, policy: &Policy, waited: &WaitedBucket, found: &mut Found) {
        let Some((counted_as, key)) = waited.name.split_once(':') else { return };
        if self.key.as_ref().is_some_and(|wanted| wanted != key) {
            return;
        }
        let Some(bucket) = policy.bucket(counted_as, key) else { return };
        let flows = waited.flows.iter().filter_map(|flow| WaitingOrg::of(flow, waited, &bucket));
        let flows = flows.filter(|flow| self.org.as_ref().is_none_or(|wanted| *wanted == flow.org));
        let place = (bucket.limit_name().to_owned(), bucket.measure().suffix(), key.to_owned());
        let known = found.entry(place).or_insert_with(|| WaitedAt::of(waited, &bucket));
        for flow in flows {
            known.orgs.retain(|other| (&other.org, other.priority) != (&flow.org, flow.priority));
            known.orgs.push(flow);
        }
    }
}

impl WaitedAt {
    fn of(waited: &WaitedBucket, bucket: &Bucket) -> Self {
        Self {
            limit: bucket.limit_name().to_owned(),
            key: bucket.key().to_owned(),
            measure: bucket.measure(),
            since_us: waited.since_us,
            tickets: waited.tickets,
            tokens: waited.tokens,
            expected_in: waited.wait_us(waited.tokens, bucket.terms().burst()).map(Duration::from_micros),
            paused_for: Duration::from_micros(waited.paused_us),
            pace_percent: percent(waited.share),
            orgs: Vec::new(),
        }
    }
}

impl WaitingOrg {
    fn of(flow: &WaitingFlow, waited: &WaitedBucket, bucket: &Bucket) -> Option<Self> {
        let (priority, org) = flow.name.split_once(':')?;
        Some(Self {
            org: org.to_owned(),
            priority: Priority::named(priority)?,
            tokens: flow.tokens,
            ahead: flow.upto.saturating_sub(flow.tokens),
            expected_in: waited.wait_us(flow.upto, bucket.terms().burst()).map(Duration::from_micros),
            asked_at_us: flow.asked_us,
        })
    }
}
