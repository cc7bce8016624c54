//! The arguments and the reply of `lower.lua`.

use std::time::Duration;

use super::audit::Reporter;
use super::buckets::BucketTable;
use super::flat::{Malformed, Writer};
use super::reply::Reply;
use crate::policy::{Bucket, Policy};

/// What the provider has said is left of its quotas, in the answer to a call.
#[derive(Clone, Debug)]
pub struct Lower {
    table: BucketTable,
    /// Each with the index of the bucket that stands for it.
    quotas: Vec<(u32, QuotaLeft)>,
    /// In which the call was granted.
    epoch: u64,
    /// When it was granted, in microseconds of the namespace's time.
    granted_at_us: u64,
    reporter: Reporter,
}

/// What is left of one quota.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuotaLeft {
    /// What its bucket owed after the call was granted, in credits.
    pub owed: u64,
    /// What the provider says is left, in tokens.
    pub remaining: u64,
    /// Until the provider grants the whole quota again, if it has said so.
    pub resets_in: Option<Duration>,
}

impl Lower {
    /// What the answer says to a call that was granted in this epoch and, in microseconds of the namespace's time, at
    /// this time.
    #[must_use]
    pub fn granted_in(epoch: u64, granted_at_us: u64) -> Self {
        Self {
            table: BucketTable::default(),
            quotas: Vec::new(),
            epoch,
            granted_at_us,
            reporter: Reporter::default(),
        }
    }

    /// Who reports it.
    #[must_use]
    pub fn reported_by(mut self, reporter: Reporter) -> Self {
        self.reporter = reporter;
        self
    }

    /// Adds a quota that a bucket stands for. Of several of one bucket the one counts that leaves least.
    pub fn push(&mut self, bucket: &Bucket, left: QuotaLeft) {
        self.quotas.push((self.table.index_of(bucket), left));
    }

    /// Whether there is no quota.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.quotas.is_empty()
    }

    /// The script's argument. `policy` is the one that the buckets are of.
    #[must_use]
    pub fn encode(&self, policy: &Policy, fence: &str, server: &str) -> Vec<u8> {
        const INTEGER_MAX: u64 = (1 << 53) - 1;
        let mut args = Writer::new();
        args.text(fence);
        args.text(server);
        args.integer(self.epoch);
        args.integer(self.granted_at_us);
        args.text(&self.reporter.org);
        args.text(&self.reporter.replica);
        self.table.write(&mut args, policy);
        args.count(self.quotas.len());
        for (bucket, QuotaLeft { owed, remaining, resets_in }) in &self.quotas {
            args.integer(*bucket);
            args.integer((*owed).min(INTEGER_MAX));
            args.integer((*remaining).min(INTEGER_MAX));
            let resets = resets_in.map_or(0, |resets| u64::try_from(resets.as_micros()).unwrap_or(u64::MAX));
            args.integer(resets.min(INTEGER_MAX));
        }
        args.finish()
    }

    /// The script's reply: how many buckets were lowered.
    pub fn decode(reply: &[u8]) -> Result<Reply<u64>, Malformed> {
        Reply::read(reply, |reader| {
            let lowered = reader.integer()?;
            Ok(lowered)
        })
    }
}
