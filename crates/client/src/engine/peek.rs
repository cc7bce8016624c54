//! The arguments and the reply of `peek.lua`.

use super::buckets::BucketTable;
use super::flat::{Malformed, Reader, Writer};
use super::reply::Reply;
use crate::policy::{Bucket, Policy};

/// A question about buckets. Without any it asks whether the policy is still the same.
#[derive(Clone, Debug, Default)]
pub struct Peek {
    table: BucketTable,
}

/// What buckets owe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeekReply {
    /// The namespace's time, in microseconds.
    pub now_us: u64,
    /// The epoch that holds.
    pub epoch: u64,
    /// When an operator has last ended a pause, in microseconds; 0 if none has.
    pub eased_us: u64,
    /// What the server's clock shows, in microseconds since 1970: the namespace's time goes on where that steps back.
    pub clock_us: u64,
    /// Of each bucket, in their order.
    pub buckets: Vec<Standing>,
}

/// How a bucket stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Credits not yet earned back, or calls in flight. Of a bucket that is paused or slow as if its whole wait were
    /// owed.
    pub debt: u64,
    /// Until it earns again, in microseconds; 0 if it is not paused.
    pub paused_us: u64,
    /// Of its refill at which it goes, so many of 1024.
    pub share: u32,
}

impl Peek {
    /// Asks for a bucket too; one that was asked for already is not asked for twice.
    pub fn push(&mut self, bucket: &Bucket) {
        self.table.index_of(bucket);
    }

    /// The buckets asked for, in the order of the reply.
    #[must_use]
    pub fn buckets(&self) -> &[Bucket] {
        self.table.buckets()
    }

    /// The script's argument. `policy` is the one that the buckets are of, `fence` its mark in the store.
    #[must_use]
    pub fn encode(&self, policy: &Policy, fence: &str, server: &str) -> Vec<u8> {
        let mut args = Writer::new();
        args.text(fence);
        args.text(server);
        self.table.write(&mut args, policy);
        args.finish()
    }

    /// The script's reply.
    pub fn decode(&self, reply: &[u8]) -> Result<Reply<PeekReply>, Malformed> {
        Reply::read(reply, |reader| {
            Ok(PeekReply {
                now_us: reader.integer()?,
                epoch: reader.integer()?,
                eased_us: reader.integer()?,
                clock_us: reader.integer()?,
                buckets: self.buckets().iter().map(|_| Standing::read(reader)).collect::<Result<_, _>>()?,
            })
        })
    }
}

impl Standing {
    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self { debt: reader.integer()?, paused_us: reader.integer()?, share: reader.narrow()? })
    }
}
