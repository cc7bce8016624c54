//! An entry of the audit trail, as it is written.

use std::time::Duration;

use serde::Serialize;
use tollgate::{AuditEntry, AuditEvent, AuditKind, Measure};
use utoipa::ToSchema;
use utoipa::openapi::schema::{Object, ObjectBuilder, Type};

use crate::api::ms_rounded_up;
use crate::rfc3339::of_us as time;

/// What unreadable entries are called: their own word for it may be anything.
pub(super) const UNREADABLE: &str = "unreadable";

/// What happened, when.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AuditEntry)]
pub(super) struct Entry {
    /// Rises with every entry.
    pub(super) id: String,
    /// By the store's clock.
    #[schema(format = DateTime)]
    at: String,
    /// The same in microseconds since 1970.
    at_us: u64,
    #[schema(schema_with = kinds)]
    pub(super) kind: &'static str,
    #[serde(flatten)]
    what: What,
}

/// What there is to say of each kind.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AuditWhat)]
#[serde(untagged)]
enum What {
    Policy {
        version: u64,
        /// The policy's entity tag.
        tag: String,
        author: String,
        reason: String,
        replica: String,
    },
    Learned {
        limit: String,
        version: u64,
        replica: String,
    },
    Epoch {
        epoch: u64,
        /// The run id of the server process.
        server: String,
    },
    Pause(Box<Pause>),
    Hold {
        limit: String,
        key: String,
        until: String,
        author: String,
        reason: String,
        replica: String,
    },
    Cut {
        limit: String,
        key: String,
        from_percent: u32,
        to_percent: u32,
        /// The next one comes no sooner.
        window_ms: u64,
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schema(nullable = false)]
        org: Option<String>,
        replica: String,
    },
    Recovered {
        limit: String,
        key: String,
        since: String,
        from_percent: u32,
        forgotten: bool,
    },
    Lowered {
        limit: String,
        key: String,
        /// Tokens that the provider says are left.
        remaining: u64,
        /// Whole tokens that the bucket held.
        held: u64,
        /// 0 if the provider has not said.
        resets_in_ms: u64,
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schema(nullable = false)]
        org: Option<String>,
        replica: String,
    },
    Repeated {
        limit: String,
        key: String,
        #[schema(format = DateTime)]
        since: String,
        /// How many refusals told nothing new.
        refused: u64,
        /// How many lowerings.
        lowered: u64,
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schema(nullable = false)]
        until: Option<String>,
    },
    /// The provider refused a call.
    Throttled(Box<Throttled>),
    /// For some time callers were refused or made to wait.
    Episode {
        limit: String,
        measure: Measure,
        key: String,
        /// When the first call was refused or began to wait, to about a second.
        began: String,
        /// When a call was last told of that was refused or had waited.
        last: String,
        /// Calls that were refused.
        refused: u64,
        /// Calls that were granted after they had waited.
        waited: u64,
        /// For how long together, in microseconds.
        waited_us: u64,
        /// The longest of them, in microseconds.
        longest_wait_us: u64,
        /// Whether it goes on: then another entry counts what comes from now on.
        ongoing: bool,
    },
    /// A key, made or revoked.
    Key {
        /// The key's. The entry has one of its own.
        key_id: String,
        role: String,
        label: String,
        /// From then on it is good for nothing. Missing of one that has no end, and of one that was revoked.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schema(nullable = false, format = DateTime)]
        expires_at: Option<String>,
        author: String,
        reason: String,
        replica: String,
    },
    Unreadable {
        /// What the entry calls itself.
        called: String,
    },
}

/// A bucket that was paused.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AuditPause)]
struct Pause {
    limit: String,
    key: String,
    /// Why it was this bucket: `named`, `explained`, `shared`, `narrowest` or `learned`.
    by: &'static str,
    /// Until when nothing passes.
    #[schema(format = DateTime)]
    until: String,
    /// For how long the provider wants to see no call.
    wait_ms: u64,
    /// At which part of its rate the bucket goes then.
    pace_percent: u32,
    /// Of the provider's answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    org: Option<String>,
    replica: String,
}

fn us(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// A call that the provider refused.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AuditThrottled)]
struct Throttled {
    limit: String,
    key: String,
    /// Why it was this bucket: `named`, `explained`, `shared`, `narrowest` or `learned`.
    by: &'static str,
    /// For how long the provider wants to see no call.
    wait_ms: u64,
    /// Of the provider's answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    status: Option<u16>,
    /// Whether it was new, and paused the bucket.
    news: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    org: Option<String>,
    replica: String,
    /// The call's method and path, without its query, the first 200 bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    route: Option<String>,
    /// Who has told it: the key, by its label and id. Missing of what the replica has seen itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    author: Option<String>,
}

/// The kinds, as the description of the API has them.
fn kinds() -> Object {
    let kinds = AuditKind::ALL.map(AuditKind::as_str).into_iter().chain([UNREADABLE]);
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(kinds)).build()
}

impl From<AuditEntry> for Entry {
    fn from(entry: AuditEntry) -> Self {
        let AuditEntry { id, at_us, event, .. } = entry;
        let kind = event.kind().map_or(UNREADABLE, tollgate::AuditKind::as_str);
        Self { id: id.to_string(), at: time(at_us), at_us, kind, what: event.into() }
    }
}

impl From<AuditEvent> for What {
    fn from(event: AuditEvent) -> Self {
        match event {
            AuditEvent::PolicyWritten { version, tag, author, reason, replica }
            | AuditEvent::PolicyRestored { version, tag, author, reason, replica } => {
                Self::Policy { version, tag, author, reason, replica }
            }
            AuditEvent::LimitLearned { limit, version, replica } => Self::Learned { limit, version, replica },
            AuditEvent::EpochBegun { epoch, server } => Self::Epoch { epoch, server },
            AuditEvent::Paused { limit, key, by, until_us, wait, pace_percent, status, org, replica } => {
                let (by, until, wait_ms) = (by.as_str(), time(until_us), ms_rounded_up(wait));
                let status = Some(status).filter(|status| *status > 0);
                Self::Pause(Box::new(Pause {
                    limit,
                    key,
                    by,
                    until,
                    wait_ms,
                    pace_percent,
                    status,
                    org,
                    replica,
                }))
            }
            AuditEvent::Held { limit, key, until_us, author, reason, replica }
            | AuditEvent::Resumed { limit, key, until_us, author, reason, replica } => {
                Self::Hold { limit, key, until: time(until_us), author, reason, replica }
            }
            AuditEvent::Cut { limit, key, from_percent, to_percent, window, org, replica } => {
                let window_ms = ms_rounded_up(window);
                Self::Cut { limit, key, from_percent, to_percent, window_ms, org, replica }
            }
            AuditEvent::Recovered { limit, key, cut_at_us, from_percent, is_forgotten } => {
                Self::Recovered { limit, key, since: time(cut_at_us), from_percent, forgotten: is_forgotten }
            }
            AuditEvent::Lowered { limit, key, remaining, resets_in, held, org, replica } => {
                let resets_in_ms = ms_rounded_up(resets_in.min(Duration::from_secs(31 * 86_400)));
                Self::Lowered { limit, key, remaining, held, resets_in_ms, org, replica }
            }
            AuditEvent::Repeated { limit, key, since_us, refused, lowered, until_us } => {
                let until = (until_us > 0).then(|| time(until_us));
                Self::Repeated { limit, key, since: time(since_us), refused, lowered, until }
            }
            AuditEvent::Throttled { limit, key, by, wait, status, is_news, org, replica, route, author } => {
                let (by, wait_ms, news) = (by.as_str(), ms_rounded_up(wait), is_news);
                let status = Some(status).filter(|status| *status > 0);
                Self::Throttled(Box::new(Throttled {
                    limit,
                    key,
                    by,
                    wait_ms,
                    status,
                    news,
                    org,
                    replica,
                    route,
                    author,
                }))
            }
            AuditEvent::Episode {
                limit,
                measure,
                key,
                began_us,
                last_us,
                refused,
                waits,
                waited,
                longest_wait,
                is_over,
            } => Self::Episode {
                limit,
                measure,
                key,
                began: time(began_us),
                last: time(last_us),
                refused,
                waited: waits,
                waited_us: us(waited),
                longest_wait_us: us(longest_wait),
                ongoing: !is_over,
            },
            AuditEvent::KeyMade { id, role, label, expires_at_us, author, reason, replica } => {
                let expires_at = (expires_at_us > 0).then(|| time(expires_at_us));
                Self::Key { key_id: id, role, label, expires_at, author, reason, replica }
            }
            AuditEvent::KeyRevoked { id, role, label, author, reason, replica } => {
                Self::Key { key_id: id, role, label, expires_at: None, author, reason, replica }
            }
            AuditEvent::Unreadable { kind } => Self::Unreadable { called: kind },
            // A kind that this service is too old for has a name all the same.
            other => {
                Self::Unreadable { called: other.kind().map_or(UNREADABLE, |kind| kind.as_str()).to_owned() }
            }
        }
    }
}
