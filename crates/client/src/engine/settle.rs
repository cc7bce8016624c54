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

/// One correction, its buckets named by their indexes.
#[derive(Clone, Debug)]
struct Entry {
    settlement: Settlement,
    /// What each bucket is given back.
    given_back: Box<[(u32, i64)]>,
    /// The id of each lease, by its bucket.
    leases: Box<[(u32, u64)]>,
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
    /// Whether its leases end or are renewed.
    pub call: CallState,
}

/// Where a call is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallState {
    /// On its way to the provider, or being answered.
    InFlight,
    /// Answered, or given up.
    Over,
}

/// What became of a correction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SettlementReply {
    /// It was made.
    Settled,
    /// The permit had been settled before; this time no charge was changed.
    SettledBefore,
    /// The permit is too old to be settled; no charge was changed. Its leases were ended or renewed.
    TooLate,
}

impl SettleBatch {
    /// Adds a correction: to each of `given_back` so many tokens are given back; negative: charged in addition.
    pub fn push<'b>(
        &mut self,
        given_back: impl IntoIterator<Item = (&'b Bucket, i64)>,
        settlement: Settlement,
    ) {
        self.push_with_leases(given_back, [], settlement);
    }

    /// The same for a call that holds leases: buckets that count calls in flight, and the id it has at each.
    pub fn push_with_leases<'b>(
        &mut self,
        given_back: impl IntoIterator<Item = (&'b Bucket, i64)>,
        leases: impl IntoIterator<Item = (&'b Bucket, u64)>,
        settlement: Settlement,
    ) {
        let given_back = given_back.into_iter().map(|(bucket, tokens)| (self.table.index_of(bucket), tokens));
        let given_back = given_back.collect();
        let leases = leases.into_iter().map(|(bucket, id)| (self.table.index_of(bucket), id)).collect();
        self.entries.push(Entry { settlement, given_back, leases });
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
        for Entry { settlement, given_back, leases } in &self.entries {
            write_permit(&mut args, settlement.permit.as_deref());
            args.integer(settlement.epoch);
            args.integer(settlement.granted_at_us);
            args.count(given_back.len());
            for &(bucket, tokens) in given_back {
                args.integer(bucket);
                args.signed(tokens);
            }
            args.flag(settlement.call == CallState::InFlight);
            args.count(leases.len());
            for &(bucket, id) in leases {
                args.integer(bucket);
                args.integer(id);
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
