//! What goes to the scripts and comes back: their sources, keys, arguments and replies.
//!
//! Public for tests and simulations, which run the scripts without a [`Tollgate`](crate::Tollgate) around them;
//! applications have no use for it, and it may change with any version.

mod access;
mod acquire;
mod audit;
mod back_off;
mod batch;
mod buckets;
mod episodes;
mod flat;
mod foresee;
mod hold;
mod keys;
mod list;
mod lower;
mod numbered;
mod page;
mod peek;
mod policy;
mod remove;
mod replicas;
mod reply;
mod report;
mod script;
mod settle;
mod sweep;
mod usage;
mod versions;
mod waiters;

pub use access::{KeyMake, KeyMakeReply, KeyRecord, KeyRevoke, KeyTouch, KeysRead, KeysReply};
pub use acquire::{AcquireBatch, AcquireReply, Calls, Entry, EntryReply, Leases, Ticket};
pub use audit::{AuditRead, AuditReply, Reporter, Streams};
pub use back_off::{BackOff, BackOffReply, Blamed, PAUSE_MAX, RefusedCall};
pub use batch::{BatchId, Repeated};
pub use episodes::{EpisodesPage, EpisodesReply, ListedEpisode};
pub use flat::Malformed;
pub use foresee::{Foresee, ForeseeReply};
pub use hold::{Hold, HoldReply};
pub use keys::Keys;
pub use list::{BucketsPage, BucketsReply, ListedBucket};
pub use lower::{Lower, QuotaLeft};
pub use peek::{Peek, PeekReply, Standing};
pub use policy::{Begin, PolicyRead, PolicyRecord, PolicyWrite, WriteMode, WriteReply};
pub use remove::Remove;
pub use replicas::{Announce, ReplicaRow, ReplicasRead, ReplicasReply};
pub use reply::Reply;
pub use report::Report;
pub use script::Script;
pub use settle::{CallState, SettleBatch, Settlement, SettlementReply};
pub use sweep::{Sweep, SweepReply};
pub use usage::{UsageCounts, UsagePage, UsagePart, UsageRead, UsageReply};
pub use versions::{VersionRecord, Versions};
pub use waiters::{WaitedBucket, WaitersPage, WaitersReply, WaitingFlow};
