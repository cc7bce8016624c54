//! The arguments and the reply of `acquire.lua`.

use super::batch::{ANSWER, BatchId, Repeated, write_permit};
use super::buckets::{BucketTable, write_path};
use super::flat::{Malformed, Reader, Writer};
use super::reply::Reply;
use crate::policy::{Bucket, Path, Policy};

/// Calls that go to the store together. Equal calls share an entry, equal buckets are sent once.
#[derive(Clone, Debug, Default)]
pub struct AcquireBatch {
    table: BucketTable,
    entries: Vec<Entry>,
}

/// Equal calls of a batch.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Under this name the call is charged once, however often it is sent.
    pub permit: Option<Box<str>>,
    /// How many calls there are. 0 for calls that were given up after the batch was first sent.
    pub calls: u32,
    /// Tokens each call costs, at least 1.
    pub cost: u32,
    path: Box<[u32]>,
}

/// What became of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AcquireReply {
    /// The namespace's time in microseconds.
    pub now_us: u64,
    /// The epoch of the state, which rises whenever the store lost some of it.
    pub epoch: u64,
    /// For each entry of the batch, in its order.
    pub entries: Vec<EntryReply>,
    /// For each bucket of the batch, in its order: credits not yet earned back.
    pub debts: Vec<u64>,
}

/// What became of the calls of one entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EntryReply {
    /// How many of its calls were granted.
    pub granted: u32,
    /// Microseconds until one more would pass, 0 if all were granted.
    pub wait_us: u64,
    /// Index of the bucket that binds, where not all were granted.
    pub by: Option<usize>,
    /// It is not the bucket's tokens that bind, but the number of buckets that its limit may have.
    pub crowded: bool,
    /// How many granted calls an observed limit would have refused.
    pub over: u32,
}

impl AcquireBatch {
    /// Adds `calls` equal calls, each of `cost` tokens; their reply is the one at the index that comes back.
    pub fn push(&mut self, path: &Path, cost: u32, calls: u32, permit: Option<Box<str>>) -> usize {
        let path = self.table.path(path);
        self.entries.push(Entry { permit, calls, cost, path });
        self.entries.len() - 1
    }

    /// The entries in the order they were added.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The entries, for a batch that is sent again with fewer calls than before.
    pub fn entries_mut(&mut self) -> &mut [Entry] {
        &mut self.entries
    }

    /// The buckets that the entries pass, each once.
    #[must_use]
    pub fn buckets(&self) -> &[Bucket] {
        self.table.buckets()
    }

    /// The buckets that an entry passes, as indexes.
    pub fn path(&self, entry: usize) -> impl Iterator<Item = usize> + '_ {
        self.entries[entry].path.iter().map(|&bucket| bucket as usize - 1)
    }

    /// The script's argument. `policy` is the one that the paths were resolved by, `fence` its mark in the store.
    #[must_use]
    pub fn encode(&self, id: &BatchId<'_>, repeated: Repeated, policy: &Policy, fence: &str) -> Vec<u8> {
        let mut args = Writer::new();
        args.joined(ANSWER, id.answer);
        args.integer(id.number);
        args.flag(repeated == Repeated::Yes);
        args.text(fence);
        args.text(id.server);
        self.table.write(&mut args, policy);
        args.count(self.entries.len());
        for entry in &self.entries {
            write_permit(&mut args, entry.permit.as_deref());
            args.integer(entry.calls);
            args.integer(entry.cost);
            write_path(&mut args, &entry.path);
        }
        args.finish()
    }

    /// The script's reply to this batch.
    pub fn decode(&self, reply: &[u8]) -> Result<Reply<AcquireReply>, Malformed> {
        Reply::read(reply, |reader| {
            Ok(AcquireReply {
                now_us: reader.integer()?,
                epoch: reader.integer()?,
                entries: self.entries.iter().map(|_| EntryReply::read(reader)).collect::<Result<_, _>>()?,
                debts: self.buckets().iter().map(|_| reader.integer()).collect::<Result<_, _>>()?,
            })
        })
    }
}

impl EntryReply {
    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let granted = reader.narrow()?;
        let wait_us = reader.integer()?;
        let by = reader.signed()?;
        let over = reader.narrow()?;
        let bucket = usize::try_from(by.unsigned_abs()).map_err(|_| Malformed("a bucket out of range"))?;
        Ok(Self { granted, wait_us, by: bucket.checked_sub(1), crowded: by < 0, over })
    }
}
