//! The arguments and the reply of `settle.lua`.

use super::batch::{ANSWER, BatchId, write_permit};
use super::buckets::BucketTable;
use super::flat::{Malformed, Writer};
use super::reply::Reply;
use crate::policy::{Bucket, Policy};

/// Corrections that go to the store together.
#[derive(Clone, Debug, Default)]
pub struct SettleBatch {
    table: BucketTable,
    entries: Vec<Entry>,
}

/// A correction.
#[derive(Clone, Debug)]
struct Entry {
    settlement: Settlement,
    /// The indexes of its buckets, and what is given back to each.
    given_back: Box<[(u32, i64)]>,
}

/// Which call it is that has cost less, or more, than it was charged.
#[derive(Clone, Debug)]
pub struct Settlement {
    /// The name of the permit, where it may be settled more than once and must count once.
    pub permit: Option<Box<str>>,
    /// The epoch in which its buckets were charged.
    pub epoch: u64,
    /// When they were, in microseconds of the namespace's time.
    pub granted_at_us: u64,
}

/// What became of a correction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SettlementReply {
    /// It was made.
    Settled,
    /// The permit had been settled before; this time changed nothing.
    SettledBefore,
    /// The permit is too old to be settled; nothing changed.
    TooLate,
}

impl SettleBatch {
    /// Adds a correction: to each of `given_back` so many tokens are given back; negative: charged in addition.
    pub fn push<'b>(
        &mut self,
        given_back: impl IntoIterator<Item = (&'b Bucket, i64)>,
        settlement: Settlement,
    ) {
        let indexed = given_back.into_iter().map(|(bucket, tokens)| (self.table.index_of(bucket), tokens));
        let given_back = indexed.collect();
        self.entries.push(Entry { settlement, given_back });
    }

    /// How many corrections there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The script's argument. `policy` is the one that the paths were resolved by.
    #[must_use]
    pub fn encode(&self, id: &BatchId<'_>, policy: &Policy) -> Vec<u8> {
        let mut args = Writer::new();
        args.joined(ANSWER, id.answer);
        args.integer(id.number);
        args.text(id.server);
        self.table.write(&mut args, policy);
        args.count(self.entries.len());
        for Entry { settlement, given_back } in &self.entries {
            write_permit(&mut args, settlement.permit.as_deref());
            args.integer(settlement.epoch);
            args.integer(settlement.granted_at_us);
            args.count(given_back.len());
            for &(bucket, tokens) in given_back {
                args.integer(bucket);
                args.signed(tokens);
            }
        }
        args.finish()
    }

    /// The script's reply to this batch, in the order of the corrections.
    pub fn decode(&self, reply: &[u8]) -> Result<Reply<Vec<SettlementReply>>, Malformed> {
        Reply::read(reply, |reader| {
            let outcome = |_| match reader.integer()? {
                0 => Ok(SettlementReply::Settled),
                1 => Ok(SettlementReply::SettledBefore),
                2 => Ok(SettlementReply::TooLate),
                _ => Err(Malformed("an unknown outcome")),
            };
            self.entries.iter().map(outcome).collect()
        })
    }
}
