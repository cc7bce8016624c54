//! How the audit trail is read.

use super::entry::{AuditEntry, AuditEvent};
use super::gap::AuditGap;
use super::id::AuditId;
use super::kind::AuditKind;
use crate::engine::{AuditRead, Streams};
use crate::error::Error;
use crate::gate::Tollgate;

/// Entries that are read at once. Redis is busy with them for about a millisecond.
const READ_MOST: usize = 250;

/// Entries that are looked at for one page: a filter that hardly any passes still comes to an end.
const LOOKED_AT_MOST: usize = 2_500;

/// Entries of a page, unless asked for otherwise.
const ENTRIES: usize = 100;

/// Most entries of a page.
const ENTRIES_MOST: usize = 1_000;

/// Which entries of the audit trail are wanted.
///
/// Times are those of ids, in microseconds since 1970 by the store's clock. They are not those of entries where that
/// clock has gone back after a loss of the state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditQuery {
    /// From this time on.
    pub from_us: Option<u64>,
    /// Up to this time.
    pub to_us: Option<u64>,
    /// Those of calls of this organisation. Policies, epochs and counts are nobody's.
    pub org: Option<String>,
    /// Those about this limit; of granted calls those that have passed it.
    pub limit: Option<String>,
    /// Those of this kind.
    pub kind: Option<AuditKind>,
    /// Which come first.
    pub order: AuditOrder,
    /// Those that come behind this one, in this order: what the last page gave as [`AuditPage::next`].
    pub after: Option<AuditId>,
    /// Most entries of the page, 1 to 1,000; more or less are taken for that. Default: 100.
    pub most: usize,
}

/// Which entries come first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AuditOrder {
    /// The oldest.
    #[default]
    OldestFirst,
    /// The newest.
    NewestFirst,
}

/// Some of the entries of the audit trail.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AuditPage {
    /// In the order that was asked for. May be empty although there are more.
    pub entries: Vec<AuditEntry>,
    /// Where the next page begins, `None` after the last one.
    pub next: Option<AuditId>,
    /// The id given out last in the trail, whether or not its entry was wanted: those that come later have higher ones.
    pub last: AuditId,
    /// What may be missing before its first entry, to whoever reads on from [`AuditQuery::after`], the oldest first.
    pub gap: Option<AuditGap>,
}

impl Default for AuditQuery {
    fn default() -> Self {
        Self {
            from_us: None,
            to_us: None,
            org: None,
            limit: None,
            kind: None,
            order: AuditOrder::OldestFirst,
            after: None,
            most: ENTRIES,
        }
    }
}

impl AuditQuery {
    fn wants(&self, event: &AuditEvent) -> bool {
        self.org.as_deref().is_none_or(|org| event.org() == Some(org))
            && self.limit.as_deref().is_none_or(|limit| event.is_about(limit))
            && self.kind.is_none_or(|kind| event.kind() == Some(kind))
    }

    /// The ids between which all that is wanted lies.
    fn range(&self) -> (Option<AuditId>, Option<AuditId>) {
        let (mut first, mut last) = (self.from_us.map(AuditId::first_at), self.to_us.map(AuditId::last_at));
        match (self.after, self.order) {
            (Some(after), AuditOrder::OldestFirst) => first = first.max(Some(after.next())),
            (Some(after), AuditOrder::NewestFirst) => {
                let before = after.previous();
                last = Some(last.map_or(before, |last| last.min(before)));
            }
            (None, _) => {}
        }
        (first, last)
    }
}

impl Tollgate {
    /// A page of the audit trail: what happened to the namespace, who did it, and when.
    ///
    /// The trail holds the last 10,000 entries about the namespace, the last 50,000 about calls
    /// ([`AuditKind::Throttled`], [`AuditKind::Episode`]) and the last 50,000 of granted calls ([`AuditKind::Call`]),
    /// of the last 30 days. To follow it, ask for those after the last one that was seen.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn audit(&self, query: &AuditQuery) -> Result<AuditPage, Error> {
        let most = query.most.clamp(1, ENTRIES_MOST);
        let (mut first, mut last) = query.range();
        let streams = query.kind.map_or(Streams::All, AuditKind::streams);
        let mut entries = Vec::new();
        let mut looked_at = 0;
        // The one that was seen last, by whoever reads on from the oldest to the newest. Who found the trail empty has
        // seen none.
        let reads_on =
            |after: &AuditId| query.order == AuditOrder::OldestFirst && *after > AuditId::default();
        let mut seen = query.after.filter(reads_on);
        let mut gap = None;
        loop {
            let read = AuditRead { first, last, count: READ_MOST, order: query.order, streams };
            let reply = self.keeper().library().audit(&read).await?;
            let read_all = reply.entries.len() < READ_MOST;
            if let Some((after, before)) = seen.zip(reply.gap)
                && gap.is_none_or(|known: AuditGap| known.before < before)
            {
                if looked_at > 0 {
                    // It has come about just now, and is told before what the next page has.
                    return Ok(AuditPage { entries, next: Some(after), last: reply.last, gap });
                }
                gap = Some(AuditGap { after, before });
            }
            for entry in reply.entries {
                let id = entry.id;
                if query.wants(&entry.event) {
                    entries.push(entry);
                }
                looked_at += 1;
                if entries.len() == most || looked_at == LOOKED_AT_MOST {
                    return Ok(AuditPage { entries, next: Some(id), last: reply.last, gap });
                }
                match query.order {
                    AuditOrder::OldestFirst => (first, seen) = (Some(id.next()), seen.map(|_| id)),
                    AuditOrder::NewestFirst => last = Some(id.previous()),
                }
            }
            if read_all {
                return Ok(AuditPage { entries, next: None, last: reply.last, gap });
            }
        }
    }
}
