//! The arguments and the reply of `back_off.lua`.

use std::time::Duration;

use super::audit::Reporter;
use super::buckets::BucketTable;
use super::flat::{Malformed, Writer};
use super::reply::Reply;
use crate::policy::{Bucket, Policy};

/// Longest pause: what the provider may ask for, and far less than what a script can count.
pub const PAUSE_MAX: Duration = Duration::from_secs(31 * 86_400);

/// A call that the provider has refused, and the buckets on its path of which one explains that.
#[derive(Clone, Debug, Default)]
pub struct BackOff {
    table: BucketTable,
    windows_us: Vec<u64>,
    refused: RefusedCall,
    reporter: Reporter,
}

/// A call that the provider has refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RefusedCall {
    /// When it was granted, in microseconds of the namespace's time; 0 if that is not known.
    pub granted_at_us: u64,
    /// For how long the provider wants to see no call, at most [`PAUSE_MAX`].
    pub wait: Duration,
    /// Whom to blame.
    pub blamed: Blamed,
    /// The status of the provider's answer, as HTTP has it; 0 if that is not known.
    pub status: u16,
    /// Whether a limit has just been learned of this refusal, and is the first candidate.
    pub is_learned: bool,
}

/// Which of the candidates is to blame that a call was refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Blamed {
    /// The narrowest that explains it, or the narrowest if none does.
    #[default]
    Narrowest,
    /// The only one: the provider has named it.
    Named,
    /// The narrowest that explains it, or nobody.
    IfExplained,
}

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BackOffReply {
    /// The namespace's time, in microseconds.
    pub now_us: u64,
    /// Index of the bucket that was paused, among the candidates.
    pub bucket: Option<usize>,
    /// Until it earns again, in microseconds.
    pub paused_us: u64,
    /// Of its refill at which it goes then, so many of 1024.
    pub share: u32,
    /// Whether the call was granted after the last refusal had been taken up.
    pub is_news: bool,
    /// Whether the share was cut by this.
    pub is_cut: bool,
}

impl BackOff {
    /// A refused call without candidates yet.
    #[must_use]
    pub fn new(refused: RefusedCall) -> Self {
        Self { refused, ..Self::default() }
    }

    /// Who reports it.
    #[must_use]
    pub fn reported_by(mut self, reporter: Reporter) -> Self {
        self.reporter = reporter;
        self
    }

    /// Adds a candidate, a wider one than all before, whose quota is counted over `window`.
    pub fn push(&mut self, bucket: &Bucket, window: Duration) {
        self.table.index_of(bucket);
        self.windows_us.push(micros(window).max(1));
    }

    /// The candidates.
    #[must_use]
    pub fn buckets(&self) -> &[Bucket] {
        self.table.buckets()
    }

    /// The script's argument. `policy` is the one that the buckets are of.
    #[must_use]
    pub fn encode(&self, policy: &Policy, fence: &str, server: &str) -> Vec<u8> {
        let mut args = Writer::new();
        args.text(fence);
        args.text(server);
        args.integer(self.refused.granted_at_us);
        args.integer(micros(self.refused.wait.min(PAUSE_MAX)));
        args.integer(match self.refused.blamed {
            Blamed::Narrowest => 0_u8,
            Blamed::Named => 1,
            Blamed::IfExplained => 2,
        });
        args.flag(self.refused.is_learned);
        args.integer(self.refused.status);
        args.text(&self.reporter.org);
        args.text(&self.reporter.replica);
        self.reporter.of_call().iter().for_each(|text| args.text(text));
        self.table.write(&mut args, policy);
        args.count(self.windows_us.len());
        self.windows_us.iter().for_each(|&window| args.integer(window));
        args.finish()
    }

    /// The script's reply.
    pub fn decode(&self, reply: &[u8]) -> Result<Reply<BackOffReply>, Malformed> {
        Reply::read(reply, |reader| {
            let now_us = reader.integer()?;
            let number: usize = reader.narrow()?;
            if number > self.buckets().len() {
                return Err(Malformed("no bucket has this number"));
            }
            Ok(BackOffReply {
                now_us,
                bucket: number.checked_sub(1),
                paused_us: reader.integer()?,
                share: reader.narrow()?,
                is_news: reader.integer()? == 1,
                is_cut: reader.integer()? == 1,
            })
        })
    }
}

/// Whole microseconds, as many as a script takes.
pub(super) fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
