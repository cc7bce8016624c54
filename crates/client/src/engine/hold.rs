//! The argument and the reply of `pause.lua`.

use std::time::Duration;

use super::back_off::{PAUSE_MAX, micros};
use super::buckets::BucketTable;
use super::flat::{Malformed, Writer};
use super::reply::Reply;
use crate::change::Change;
use crate::policy::{Bucket, Policy};

/// A pause by hand, or the end of one.
#[derive(Clone, Debug)]
pub struct Hold {
    table: BucketTable,
    /// From now on; zero ends a pause.
    pub pause: Duration,
    /// Who says so, and what for.
    pub change: Change,
    /// Who was told.
    pub replica: String,
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HoldReply {
    /// Whether the buckets could be kept: their limit may have no more.
    pub is_kept: bool,
    /// Until the last of them earns again, in microseconds; 0 if none is paused.
    pub paused_us: u64,
    /// Whether anything has changed.
    pub is_changed: bool,
}

impl Hold {
    /// Pauses buckets for so long from now on, 31 days at most; zero ends their pause. They are all that a limit may
    /// count for a key ([`Policy::all_buckets_of`]), what it counts first.
    #[must_use]
    pub fn new(buckets: &[Bucket], pause: Duration) -> Self {
        let mut table = BucketTable::default();
        for bucket in buckets {
            table.index_of(bucket);
        }
        Self { table, pause: pause.min(PAUSE_MAX), change: Change::default(), replica: String::new() }
    }

    /// The script's argument. `policy` is the one that the buckets are of, `fence` its mark in the store.
    #[must_use]
    pub fn encode(&self, policy: &Policy, fence: &str, server: &str) -> Vec<u8> {
        let mut args = Writer::new();
        args.text(fence);
        args.text(server);
        args.integer(micros(self.pause));
        args.text(&self.change.author);
        args.text(&self.change.reason);
        args.text(&self.replica);
        self.table.write(&mut args, policy);
        args.finish()
    }

    /// The script's reply.
    pub fn decode(reply: &[u8]) -> Result<Reply<HoldReply>, Malformed> {
        Reply::read(reply, |reader| {
            Ok(HoldReply {
                is_kept: reader.integer()? == 1,
                paused_us: reader.integer()?,
                is_changed: reader.integer()? == 1,
            })
        })
    }
}
