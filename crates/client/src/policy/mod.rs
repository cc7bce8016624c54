//! The policy: the limits of a namespace, from the document to exact integer credits.
//!
//! A document is TOML or JSON, at most 1 MiB, with at most 256 limits. Unknown fields are refused.
//!
//! * `namespace`: a name; one account at a provider.
//! * `provider`: optional, a name; whose answers are understood: one of the [adapters](crate::provider) built in, by
//!   default `generic`.
//! * `adapter`: optional, a table; an adapter of its own, whose name `provider` then is.
//! * `priority`: optional, the weights of `interactive`, `normal` and `batch`, 1 to 1,000 each; by default 128, 8
//!   and 1. Where calls wait at a limit, each organisation's calls of one priority share it with those of the
//!   others by the product of the two weights.
//! * `record_calls`: optional, a list of at most 100 organisations: each of their granted calls is told in the audit
//!   trail, see [`AuditEvent::CallGranted`](crate::AuditEvent::CallGranted).
//! * `limit`: the limits, in the order in which calls pass them.
//!
//! A name is 1 to 64 of `a-z`, `0-9`, `.`, `_` and `-`, the first a letter or a digit. A span of time is a
//! whole number with its unit, `us`, `ms`, `s`, `m`, `h` or `d`, up to `366d`. A quantity is 1 to
//! 1,000,000,000 tokens in a span of at least a microsecond: `"300/1m"`, or `"10/s"` for one unit.
//!
//! # Limits
//!
//! * `name`: a name, unique in the policy.
//! * `names`: optional, the provider's own names of it, 1 to 256 bytes each.
//! * `per`: what it is counted per, a list of `org`, `client`, `token`, `provider`, `method`, `path` and
//!   `attributes.<name>`. An empty list makes one bucket that all calls share.
//! * `when`: optional, the calls it applies to: a table of `path`, `method`, `org` and `client`, each a text
//!   or a list of texts. All that are given must hold, of a list any.
//! * `rate` or `quota`, exactly one of them unless the limit has `concurrent` or `spacing`: a quantity. A rate is a
//!   token bucket that refills evenly. Of a quota, no window of its length, at any phase, sees more, the burst
//!   included.
//! * `burst`: how many tokens a full bucket holds, at most the quota; by default what a rate gives in a
//!   second or a tenth of a quota, and at least 1. [`Terms`] tells what comes of it.
//! * `slack`: how late a call may reach the provider after its grant, with a quota only; by default `"0s"`.
//! * `concurrent`: optional, how many calls may be in flight at once, 1 to 1,000: from their grant until their
//!   [`Permit`](crate::Permit) is dropped or settled, or their lease has run out.
//! * `lease`: how long a call counts as in flight unless that is renewed, `"1s"` to `"1h"`, with `concurrent` only; by
//!   default `"30s"`.
//! * `spacing`: optional, the smallest gap between two grants, a span of at least a microsecond.
//! * `cost`: optional, with a rate or a quota only, `{ query = "pageSize", per = 25 }`: a call costs as many tokens as
//!   the query parameter's number divided by `per`, 1 to 1,000,000,000, rounded up, and at least 1. A call whose query
//!   has no such number costs what it says of itself.
//! * `mode`: `enforce`, the default, or `observe`, which counts and reports and never refuses.
//! * `max_keys`: how many buckets it may have at once of each [`Measure`], 1 to 100,000,000; by default 1,000,000.
//! * `override`: by key, another `rate` or `quota`, `burst`, `slack`, `concurrent` or `spacing`, and `expires_at` if it
//!   is to end: a point in time as RFC 3339 has it, by the store's clock.
//! * `learned`: `true` if the limit was not written by anybody, but taken up when the provider named it. Written as
//!   `false`, or left out, it is a limit like any other.
//! * `on_outage`: `refuse`, the default: without the store, calls are refused. `share` and `allow` are not
//!   supported yet.
//! * `weight`: by organisation, its weight where calls wait at this limit, 1 to 1,000; 1 by default. What a limit
//!   counted `per = ["org"]` says holds at every limit that says nothing of the organisation.
//!
//! # Paths
//!
//! In `when.path`, `*` stands for any text inside one segment and `**` for any number of segments, none
//! included: `/api/v2/quality/**` matches `/api/v2/quality` too. There are no other wildcards; a list says
//! "or". Patterns are written in the normal form that the paths of calls are brought to, see
//! [`Call`](crate::Call).
//!
//! # Keys and overrides
//!
//! The key of a bucket is the values of `per`, in order, joined by `/`. With several, `%` and `/` inside a
//! value are written `%25` and `%2F`; a single value stands verbatim. Overrides are found by this key:
//! `override."acme/app-1"` for `per = ["org", "client"]`.
//!
//! For an overridden key the limit holds as if it were written with the fields of the override. So a burst
//! that the limit names is kept, unless the override names its own; a burst left to the default is worked out
//! from the override's own quantity; and a slack is dropped with its quota where the override names a rate.

mod allowance;
mod attribute;
mod changes;
mod checked;
mod compile;
mod condition;
mod cost;
mod difference;
mod document;
mod error;
mod hashed_name;
mod key;
mod known_paths;
mod learned;
mod limit;
mod measure;
mod overriding;
mod path;
mod pattern;
mod problem;
mod quantity;
mod read;
mod recorded;
#[cfg(feature = "openapi")]
mod schema;
mod suspects;
mod table;
mod terms;
#[cfg(test)]
mod tests;
mod weights;

pub use attribute::Attribute;
pub use changes::{KeyChange, LimitChange, LimitChangeKind, PolicyChanges};
pub use checked::Policy;
pub(crate) use compile::{check_name, is_name};
pub use difference::{Difference, differences};
pub(crate) use document::OneOrMore;
pub use document::{Mode, Override};
pub use error::PolicyError;
pub(crate) use hashed_name::HashedName;
pub(crate) use known_paths::KnownPaths;
pub(crate) use learned::Learned;
pub use limit::Limit;
pub use measure::Measure;
pub(crate) use overriding::Expired;
pub use path::{Bucket, Path};
pub use problem::{Position, Problem};
pub(crate) use problem::{Problems, Wrong};
pub(crate) use quantity::Span;
pub(crate) use read::toml as read_toml;
pub(crate) use recorded::CallRecord;
pub(crate) use suspects::{Suspect, Suspects};
pub(crate) use table::{optional_tables, table, tables, word};
pub use terms::Terms;
