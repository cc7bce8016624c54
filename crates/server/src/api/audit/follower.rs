//! One who follows the audit trail: told of each entry within half a second, for as long as the client takes them.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::Duration;

use axum::response::sse::Event;
use futures_util::stream::{self, Stream};
use serde_json::json;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;
use tollgate::{AuditEntry, AuditGap, AuditId, AuditOrder, AuditPage, AuditQuery};
use utoipa::ToSchema;

use super::entry::Entry;
use crate::access::Caller;
use crate::app::App;
use crate::problem::Problem;
use crate::shutdown::Stage;

/// How often the store is asked for what is new. A blocking read would stand in the way of all others on the
/// connection.
const ASK_AGAIN: Duration = Duration::from_millis(500);

/// Asks for a page when all of the last one was taken, so that no more than that is held for a client, however slow.
pub(super) struct Follower {
    app: App,
    caller: Option<Caller>,
    query: AuditQuery,
    /// Read, and not taken yet.
    ready: VecDeque<News>,
    /// Up to where gaps were told.
    gap_told: AuditId,
    /// Whether there was more to be read.
    is_behind: bool,
    _place: OwnedSemaphorePermit,
}

/// What there is to be told.
enum News {
    Entry(AuditEntry),
    Gap(AuditGap),
}

impl Follower {
    /// Reads for the first time: a store that can't be read is told at once.
    pub(super) async fn start(
        app: App,
        caller: Option<Caller>,
        query: AuditQuery,
        place: OwnedSemaphorePermit,
    ) -> Result<Self, Problem> {
        let from_now = query.after.is_none() && query.from_us.is_none();
        let (ready, gap_told) = (VecDeque::new(), AuditId::default());
        let mut follower = Self { app, caller, query, ready, gap_told, is_behind: false, _place: place };
        if from_now {
            let newest = AuditQuery { order: AuditOrder::NewestFirst, most: 1, ..AuditQuery::default() };
            follower.query.after = Some(follower.app.gate.audit(&newest).await?.last);
        } else {
            let page = follower.app.gate.audit(&follower.query).await?;
            follower.take(page);
        }
        Ok(follower)
    }

    /// The entries as events, until the service ends, or the key of whoever follows.
    pub(super) fn events(self) -> impl Stream<Item = Result<Event, Infallible>> {
        stream::unfold(self, |mut follower| async move {
            let news = follower.next().await?;
            Some((Ok(event_of(news)), follower))
        })
    }

    async fn next(&mut self) -> Option<News> {
        loop {
            if !self.is_let_in() || self.app.shutdown.has_reached(Stage::Draining) {
                return None;
            }
            if let Some(news) = self.ready.pop_front() {
                return Some(news);
            }
            if !self.is_behind && timeout(ASK_AGAIN, self.app.shutdown.reached(Stage::Draining)).await.is_ok()
            {
                return None;
            }
            match self.app.gate.audit(&self.query).await {
                Ok(page) => self.take(page),
                Err(error) => {
                    // An outage is told where calls are decided on. Who follows is told what happened when it is over.
                    tracing::debug!(%error, "the audit trail can't be read");
                    self.is_behind = false;
                }
            }
        }
    }

    /// Whoever came without a key stays until one is needed.
    fn is_let_in(&self) -> bool {
        let access = &self.app.access;
        self.caller.as_ref().map_or_else(|| !access.is_asking(), |caller| access.holds(caller))
    }

    /// Goes on behind the page. Where the trail was lost its last id is lower than what was seen: then from there.
    fn take(&mut self, page: AuditPage) {
        self.is_behind = page.next.is_some();
        self.query.after = Some(page.next.unwrap_or(page.last));
        // The next page may have the same one before it: entries of other kinds come first.
        if let Some(gap) = page.gap.filter(|gap| gap.before > self.gap_told) {
            self.gap_told = gap.before;
            self.ready.push_back(News::Gap(gap));
        }
        self.ready.extend(page.entries.into_iter().map(News::Entry));
    }
}

/// An event, as the description of the API has it.
#[derive(ToSchema)]
#[schema(as = AuditEvent)]
#[expect(dead_code, reason = "it is written by axum, field by field")]
pub(super) struct Told {
    /// The entry's: what to say in `Last-Event-ID` to go on behind it. Missing of a `gap`.
    #[schema(nullable = false)]
    id: Option<String>,
    /// The entry's kind; or `gap`: entries may have been trimmed before they could be read.
    event: String,
    /// The entry as one line of JSON; of a `gap` the ids between which they were, `after` and `before`.
    #[schema(content_media_type = "application/json")]
    data: String,
}

fn event_of(news: News) -> Event {
    let entry = match news {
        News::Entry(entry) => Entry::from(entry),
        News::Gap(AuditGap { after, before, .. }) => {
            let data = json!({"after": after.to_string(), "before": before.to_string()});
            return Event::default().event("gap").data(data.to_string());
        }
    };
    // Texts and numbers can't fail to be written, and JSON has no line breaks.
    let data = serde_json::to_string(&entry).unwrap_or_default();
    Event::default().id(entry.id).event(entry.kind).data(data)
}
