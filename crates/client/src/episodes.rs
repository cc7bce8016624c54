//! Throttling episodes that go on: where callers are refused or made to wait right now.

use std::time::Duration;

use crate::engine::{EpisodesPage, ListedEpisode, Reply};
use crate::error::Error;
use crate::gate::Tollgate;
use crate::policy::Measure;

/// A throttling episode that goes on: callers are refused or made to wait at a bucket, and were within the last minute.
///
/// What it came to when it is over stands in the audit trail as [`AuditEvent::Episode`](crate::AuditEvent::Episode); of
/// one that goes on for more than an hour that is told once an hour, and counted here is what came since.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Episode {
    /// The limit's name.
    pub limit: String,
    /// What of it is counted in the bucket.
    pub measure: Measure,
    /// Which of its buckets.
    pub key: String,
    /// When the first of its calls was refused or began to wait, in microseconds since 1970 by the store's clock.
    pub began_us: u64,
    /// When a replica has last reported something, written as `began_us`. Replicas report within about a second.
    pub last_us: u64,
    /// Calls that were refused.
    pub refused: u64,
    /// Calls that were granted after they had waited. Those that still wait are not counted yet.
    pub waits: u64,
    /// For how long together.
    pub waited: Duration,
    /// The longest of them.
    pub longest_wait: Duration,
}

/// Some of the throttling episodes that go on.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Episodes {
    /// In no order. One that begins or ends while pages are read may be on two of them or on none.
    pub episodes: Vec<Episode>,
    /// Where the next page begins, `None` after the last one.
    pub next: Option<String>,
}

impl From<ListedEpisode> for Episode {
    fn from(listed: ListedEpisode) -> Self {
        let (counted_as, key) = listed.name.split_once(':').unwrap_or((&listed.name, ""));
        let (limit, measure) = Measure::split(counted_as);
        Self {
            limit: limit.to_owned(),
            measure,
            key: key.to_owned(),
            began_us: listed.began_us,
            last_us: listed.last_us,
            refused: listed.refused,
            waits: listed.waits,
            waited: Duration::from_micros(listed.waited_us),
            longest_wait: Duration::from_micros(listed.longest_us),
        }
    }
}

impl Tollgate {
    /// A page of the throttling episodes that go on, of all limits or of one, from `cursor` on (`None`: from the
    /// beginning). A page may be empty although there are more.
    ///
    /// # Errors
    /// [`Error::Store`], also for a cursor that no page has given.
    pub async fn episodes(&self, limit: Option<&str>, cursor: Option<&str>) -> Result<Episodes, Error> {
        let page = EpisodesPage { cursor: cursor.unwrap_or("0"), limit };
        let Reply::Done(page) = self.keeper().library().episodes(&page).await? else {
            return Ok(Episodes { episodes: Vec::new(), next: None });
        };
        let episodes = page.episodes.into_iter().map(Episode::from).collect();
        Ok(Episodes { episodes, next: Some(page.cursor).filter(|cursor| cursor != "0") })
    }
}
