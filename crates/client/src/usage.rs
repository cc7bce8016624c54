//! Who has used what: calls that were granted and what they have cost, by the minute and by the hour.

use std::ops::{ControlFlow, Range};

use crate::engine::{UsageCounts, UsagePage, UsageRead};
use crate::error::Error;
use crate::gate::Tollgate;
use crate::policy::Measure;

const MINUTE_US: u64 = 60_000_000;

/// Pages that are read at once, at most. A page has up to a hundred keys of each limit.
const READ_MOST: u64 = 60;

/// Rows of an answer, unless asked for otherwise.
const ROWS: usize = 20_000;

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

/// What is to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsageQuery {
    /// By the minute or by the hour.
    pub step: UsageStep,
    /// Each minute or hour that begins in this span of time, in microseconds since 1970 by the store's clock. Of one
    /// longer than is kept, the end.
    pub span_us: Range<u64>,
    /// Only this limit.
    pub limit: Option<String>,
    /// Only this key.
    pub key: Option<String>,
    /// All keys of a limit together.
    pub is_summed: bool,
    /// Most rows; no more is read once there are so many. Default: 20,000.
    pub most: usize,
}

/// What was used.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Usage {
    /// Up to when all is in it, in microseconds since 1970 by the store's clock: what was granted later may be missing.
    /// The end of a minute, within about a minute and a half of now while any replica runs; 0 if that is not known yet.
    pub complete_until_us: u64,
    /// By time, limit and key.
    pub rows: Vec<UsageRow>,
    /// There are more rows than were asked for.
    pub is_cut: bool,
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
    /// The key; `None` for all that have no row of their own, or for all together if that was asked for.
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
    /// What was used: rows by time, limit and key.
    ///
    /// # Errors
    /// [`Error::Store`].
    ///
    /// # Cancel safety
    /// It only reads.
    pub async fn usage(&self, query: &UsageQuery) -> Result<Usage, Error> {
        let length_us = query.step.length_us();
        let end = query.span_us.end.div_ceil(length_us);
        let first = query.span_us.start.div_ceil(length_us).max(end.saturating_sub(query.step.kept() + 1));
        let mut rows = Vec::new();
        let books = self.read_books(query.step, first..end, query.limit.as_deref(), |pages| {
            rows.extend(pages.into_iter().flat_map(|page| query.rows(page)));
            if rows.len() > query.most { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        let complete_until_us = books.await?;
        let is_cut = rows.len() > query.most;
        rows.truncate(query.most);
        Ok(Usage { complete_until_us, rows, is_cut })
    }

    /// Has the pages of these minutes or hours taken, in their order, until that is enough. Returns up to when all is
    /// in the books.
    pub(crate) async fn read_books(
        &self,
        step: UsageStep,
        periods: Range<u64>,
        limit: Option<&str>,
        mut take: impl FnMut(Vec<UsagePage>) -> ControlFlow<()>,
    ) -> Result<u64, Error> {
        let mut next = periods.start;
        // No period at all is asked for no page: how far the books go is told in any case.
        loop {
            let count = periods.end.saturating_sub(next).min(READ_MOST);
            let read = UsageRead { hours: step == UsageStep::Hour, first: next, count, limit };
            let reply = self.keeper().library().usage(read).await?;
            next = reply.next;
            if take(reply.pages).is_break() || next >= periods.end {
                return Ok(reply.complete_us);
            }
        }
    }
}

impl UsageQuery {
    /// The rows of a page that are wanted, in the order of their names.
    fn rows(&self, page: UsagePage) -> Vec<UsageRow> {
        let at_us = page.period * self.step.length_us();
        let mut rows = Vec::new();
        for part in page.parts {
            let (limit, measure) = Measure::split(&part.counted_as);
            let row = |key, counts| UsageRow { at_us, limit: limit.to_owned(), measure, key, counts };
            if self.is_summed {
                let mut sum = part.others;
                part.rows.iter().for_each(|(_, counts)| sum.add(counts));
                rows.push(row(None, sum));
                continue;
            }
            let is_wanted = |key: &String| self.key.as_ref().is_none_or(|wanted| wanted == key);
            let own = part.rows.into_iter().filter(|(key, _)| is_wanted(key));
            rows.extend(own.map(|(key, counts)| row(Some(key), counts)));
            if self.key.is_none() && !part.others.is_nothing() {
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
}

impl Default for UsageQuery {
    fn default() -> Self {
        Self { step: UsageStep::Minute, span_us: 0..0, limit: None, key: None, is_summed: false, most: ROWS }
    }
}
