//! The arguments and the reply of `waiters.lua`.

use super::flat::{Malformed, Reader};
use super::page::{bucket_name, page_from};
use super::reply::Reply;

/// First characters of the fields of buckets, and of flows.
const BUCKETS_AND_FLOWS: &str = "[bf]:";

/// One page of those who wait.
#[derive(Clone, Debug)]
pub struct WaitersPage<'a> {
    /// "0" for the first page, then what the last one returned.
    pub cursor: &'a str,
    /// Only at the buckets of this limit.
    pub limit: Option<&'a str>,
}

/// What a page holds. It may be empty without being the last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WaitersReply {
    /// The namespace's time in microseconds.
    pub now_us: u64,
    /// "0" after the last page.
    pub cursor: String,
    /// The buckets at which somebody waits. One may appear on several pages, each time with other flows.
    pub buckets: Vec<WaitedBucket>,
}

/// A bucket at which somebody waits, as its record has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WaitedBucket {
    /// `limit:key`.
    pub name: String,
    /// From when on somebody has waited without a break, in microseconds of the namespace's time.
    pub since_us: u64,
    /// How many tickets are in its queue.
    pub tickets: u64,
    /// The tokens that they want.
    pub tokens: u64,
    /// Credits not yet earned back, or calls in flight.
    pub debt: u64,
    /// Credits earned per microsecond.
    pub refill: u64,
    /// Credits that one token costs.
    pub credit: u64,
    /// Until it earns again, in microseconds; 0 if it is not paused.
    pub paused_us: u64,
    /// Of its refill at which it goes, so many of 1024.
    pub share: u32,
    /// Those of the page of which the last call waits.
    pub flows: Vec<WaitingFlow>,
}

/// An organisation's calls of one priority, of which the last waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WaitingFlow {
    /// `priority:org`.
    pub name: String,
    /// The tokens that its last call wants.
    pub tokens: u64,
    /// The tokens of all tickets whose turn comes no later.
    pub upto: u64,
    /// When it has last asked, in microseconds of the namespace's time.
    pub asked_us: u64,
}

impl WaitersPage<'_> {
    /// The script's argument.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        page_from(self.cursor, BUCKETS_AND_FLOWS, self.limit)
    }

    /// The script's reply.
    pub fn decode(reply: &[u8]) -> Result<Reply<WaitersReply>, Malformed> {
        Reply::read(reply, |reader| {
            let now_us = reader.integer()?;
            let cursor = reader.text()?.to_owned();
            let mut buckets = Vec::new();
            while reader.left() > 0 {
                buckets.push(WaitedBucket::read(reader)?);
            }
            Ok(WaitersReply { now_us, cursor, buckets })
        })
    }
}

impl WaitedBucket {
    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let name = bucket_name(reader)?.to_owned();
        let (since_us, tickets, tokens) = (reader.integer()?, reader.integer()?, reader.integer()?);
        let [debt, refill, credit] = [reader.integer()?, reader.integer()?, reader.integer()?];
        let (paused_us, share) = (reader.integer()?, reader.narrow()?);
        let flows = (0..reader.integer()?).map(|_| WaitingFlow::read(reader)).collect::<Result<_, _>>()?;
        Ok(Self { name, since_us, tickets, tokens, debt, refill, credit, paused_us, share, flows })
    }

    /// How long it takes until so many tokens of its queue can have been granted, in microseconds, where it holds
    /// `burst` tokens when full. `None` where calls in flight are counted: nobody knows when those are over.
    #[must_use]
    pub fn wait_us(&self, tokens: u64, burst: u64) -> Option<u64> {
        let (refill, credit) = (u128::from(self.refill), u128::from(self.credit));
        if refill == 0 {
            return None;
        }
        let held = u128::from(burst) * credit;
        // Paused, it is empty until the end.
        let debt = if self.paused_us > 0 { u128::from(self.debt).max(held) } else { self.debt.into() };
        let missing = (debt + u128::from(tokens) * credit).saturating_sub(held);
        let wait_us = u64::try_from(missing.div_ceil(refill)).unwrap_or(u64::MAX);
        Some(wait_us.saturating_add(self.paused_us))
    }
}

impl WaitingFlow {
    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self {
            name: reader.text()?.to_owned(),
            tokens: reader.integer()?,
            upto: reader.integer()?,
            asked_us: reader.integer()?,
        })
    }
}
