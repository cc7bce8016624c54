//! Who has used what: calls that were granted and what they have cost, by the minute and by the hour.

use std::ops::Range;

use crate::engine::{UsageCounts, UsagePage, UsageRead};
use crate::error::Error;
use crate::gate::Tollgate;
use crate::policy::Measure;

const MINUTE_US: u64 = 60_000_000;

/// Pages that are read at once. A page has up to a hundred keys of each limit.
const READ_MOST: u64 = 60;

/// How long the time is that a row is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum UsageStep {
    /// A minute; kept for 48 hours.
    #[default]
    Minute,
    /// An hour; kept for 30 days.
    Hour,
}

/// What was used.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Usage {
    /// Up to when all is in it, in microseconds since 1970 by the store's clock: what was granted later may be missing. The end of a
    /// minute, within about a minute and a half of now while any replica runs; 0 if that is not known yet.
    pub complete_until_us: u64,
    /// By time, limit and key.
    pub rows: Vec<UsageRow>,
}

/// What was used at a limit in a minute or an hour, by one key or by all that have no row of their own.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct UsageRow {
    /// When the minute or hour begins, in microseconds since 1970 by the store's clock.
    pub at_us: u64,
    /// The limit's name. It may be none of the policy in force.
    pub limit: String,
    /// What of the limit is counted: each call that passes it counts in each of its measures.
    pub measure: Measure,
    /// The key; `None` for all that are not among the hundred busiest of that time.
    pub key: Option<String>,
    /// How much.
    pub counts: UsageCounts,
}

impl UsageStep {
    /// In microseconds.
    #[must_use]
    pub const fn length_us(self) -> u64 {
        match self {
            Self::Minute => MINUTE_US,
            Self::Hour => 60 * MINUTE_US,
        }
    }

    /// For how many steps back rows are kept.
    #[must_use]
    pub const fn kept(self) -> u64 {
        match self {
            Self::Minute => 48 * 60,
            Self::Hour => 30 * 24,
        }
    }
}

impl Tollgate {
    /// What was used in a span of time, in microseconds since 1970: of each minute or hour that begins in it. Of a span longer than
    /// is kept, the end.
    ///
    /// # Errors
    /// [`Error::Store`].
    ///
    /// # Cancel safety
    /// It only reads.
    pub async fn usage(&self, step: UsageStep, span_us: Range<u64>) -> Result<Usage, Error> {
        let length_us = step.length_us();
        let end = span_us.end.div_ceil(length_us);
        let first = span_us.start.div_ceil(length_us).max(end.saturating_sub(step.kept() + 1));
        let mut usage = Usage { complete_until_us: 0, rows: Vec::new() };
        let mut next = first;
        // An empty span is asked for one page, of which no row is wanted: how far the books go is told with it.
        loop {
            let count = end.saturating_sub(next).min(READ_MOST);
            let read = UsageRead { hours: step == UsageStep::Hour, first: next, count: count.max(1) };
            let reply = self.keeper().library().usage(read).await?;
            usage.complete_until_us = reply.complete_us;
            let wanted = reply.pages.into_iter().filter(|page| page.period < end);
            wanted.for_each(|page| usage.rows.extend(rows(page, length_us)));
            next += count;
            if next >= end {
                break;
            }
        }
        Ok(usage)
    }
}

/// The rows of a page, in the order of their names.
fn rows(page: UsagePage, length_us: u64) -> Vec<UsageRow> {
    let at_us = page.period * length_us;
    let mut rows = Vec::new();
    for part in page.parts {
        let (limit, measure) = Measure::split(&part.counted_as);
        let row = |key, counts| UsageRow { at_us, limit: limit.to_owned(), measure, key, counts };
        rows.extend(part.rows.into_iter().map(|(key, counts)| row(Some(key), counts)));
        if !part.others.is_nothing() {
            rows.push(row(None, part.others));
        }
    }
    // All others come last.
    rows.sort_by(|one, other| {
        let order = |row: &UsageRow| (row.measure.suffix(), row.key.is_none());
        (&one.limit, order(one), &one.key).cmp(&(&other.limit, order(other), &other.key))
    });
    rows
}
