//! The arguments and the reply of `list.lua`.

use super::batch::BUCKET;
use super::flat::Malformed;
use super::page::{bucket_name, page_from};
use super::reply::Reply;

/// One page of the buckets that have a record.
#[derive(Clone, Debug)]
pub struct BucketsPage<'a> {
    /// "0" for the first page, then what the last one returned.
    pub cursor: &'a str,
    /// Only the buckets of this limit.
    pub limit: Option<&'a str>,
}

/// What a page holds. It may be empty without being the last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BucketsReply {
    /// The namespace's time in microseconds.
    pub now_us: u64,
    /// The epoch of the state.
    pub epoch: u64,
    /// "0" after the last page.
    pub cursor: String,
    /// The buckets. One may appear on two pages.
    pub buckets: Vec<ListedBucket>,
}

/// A bucket as its record has it, which may be from before the last change of the policy: how it stands since then
/// `peek.lua` tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedBucket {
    /// `limit:key`.
    pub name: String,
    /// Credits not yet earned back.
    pub debt: u64,
    /// Credits earned per microsecond.
    pub refill: u64,
    /// Credits that one token costs.
    pub credit: u64,
    /// Until it earns again, in microseconds; 0 if it is not paused.
    pub paused_us: u64,
    /// Of its refill at which it goes, so many of 1024.
    pub share: u32,
}

impl BucketsPage<'_> {
    /// The script's argument.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        page_from(self.cursor, BUCKET, self.limit)
    }

    /// The script's reply.
    pub fn decode(reply: &[u8]) -> Result<Reply<BucketsReply>, Malformed> {
        Reply::read(reply, |reader| {
            let now_us = reader.integer()?;
            let epoch = reader.integer()?;
            let cursor = reader.text()?.to_owned();
            let mut buckets = Vec::with_capacity(reader.left() / 6);
            while reader.left() > 0 {
                let name = bucket_name(reader)?.to_owned();
                let [debt, refill, credit] = [reader.integer()?, reader.integer()?, reader.integer()?];
                let (paused_us, share) = (reader.integer()?, reader.narrow()?);
                buckets.push(ListedBucket { name, debt, refill, credit, paused_us, share });
            }
            Ok(BucketsReply { now_us, epoch, cursor, buckets })
        })
    }
}
