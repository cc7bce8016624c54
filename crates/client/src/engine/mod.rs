//! What goes to the scripts and comes back: their sources, keys, arguments and replies.
//!
//! Public for tests and simulations, which run the scripts without a [`Tollgate`](crate::Tollgate) around them;
//! applications have no use for it, and it may change with any version.

mod acquire;
mod batch;
mod buckets;
mod flat;
mod keys;
mod list;
mod numbered;
mod peek;
mod policy;
mod reply;
mod script;
mod settle;
mod sweep;

pub use acquire::{AcquireBatch, AcquireReply, Calls, Entry, EntryReply, Leases, Ticket};
pub use batch::{BatchId, Repeated};
pub use flat::Malformed;
pub use keys::Keys;
pub use list::{BucketsPage, BucketsReply, ListedBucket};
pub use peek::{Peek, PeekReply};
pub use policy::{Begin, PolicyRead, PolicyRecord, PolicyWrite, WriteMode, WriteReply};
pub use reply::Reply;
pub use script::Script;
pub use settle::{CallState, SettleBatch, Settlement, SettlementReply};
pub use sweep::{Sweep, SweepReply};
