//! The arguments and the reply of `settle.lua`.

use super::batch::{ANSWER, BatchId, write_permit};
use super::buckets::{BucketTable, write_path};
use super::flat::{Malformed, Writer};
use super::reply::Reply;
use crate::policy::{Path, Policy};

/// Corrections that go to the store together.
#[derive(Clone, Debug, Default)]
pub struct SettleBatch {
    table: BucketTable,
    entries: Vec<(Settlement, Box<[u32]>)>,
}

/// What a granted call has cost less, or more, than it was charged.
#[derive(Clone, Debug)]
pub struct Settlement {
    /// The name of the permit, where it may be settled more than once and must count once.
    pub permit: Option<Box<str>>,
    /// The epoch in which its buckets were charged.
    pub epoch: u64,
    /// When they were, in microseconds of the namespace's time.
    pub granted_at_us: u64,
    /// Tokens to give back; negative: to charge in addition.
    pub give_back: i64,
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
    /// Adds a correction to the buckets of a path.
    pub fn push(&mut self, path: &Path, settlement: Settlement) {
        let path = self.table.path(path);
        self.entries.push((settlement, path));
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
        for (settlement, path) in &self.entries {
            write_permit(&mut args, settlement.permit.as_deref());
            args.integer(settlement.epoch);
            args.integer(settlement.granted_at_us);
            args.signed(settlement.give_back);
            write_path(&mut args, path);
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
