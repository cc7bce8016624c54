//! The arguments and the reply of `foresee.lua`.

use super::buckets::BucketTable;
use super::flat::{Malformed, Writer};
use super::peek::Standing;
use super::reply::Reply;
use crate::policy::{Bucket, Policy};

/// A question about buckets under the policy in force, and under one that may follow it.
#[derive(Clone, Debug, Default)]
pub struct Foresee {
    now: BucketTable,
    then: BucketTable,
}

/// What buckets owe, and would owe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForeseeReply {
    /// The namespace's time, in microseconds: that of both.
    pub now_us: u64,
    /// Of each bucket of the policy in force, in the order in which they were asked for.
    pub now: Vec<Standing>,
    /// Of each bucket of the other policy.
    pub then: Vec<Standing>,
}

impl Foresee {
    /// Asks for a bucket as it is now, and as it would be then; none of them twice.
    pub fn push(&mut self, now: Option<&Bucket>, then: Option<&Bucket>) {
        for (table, bucket) in [(&mut self.now, now), (&mut self.then, then)] {
            if let Some(bucket) = bucket {
                table.index_of(bucket);
            }
        }
    }

    /// The script's argument. `policies` are the one in force and the other one, `fence` the mark of the first.
    #[must_use]
    pub fn encode(&self, policies: [&Policy; 2], fence: &str, server: &str) -> Vec<u8> {
        let mut args = Writer::new();
        args.text(fence);
        args.text(server);
        self.now.write(&mut args, policies[0]);
        self.then.write(&mut args, policies[1]);
        args.finish()
    }

    /// The script's reply.
    pub fn decode(&self, reply: &[u8]) -> Result<Reply<ForeseeReply>, Malformed> {
        Reply::read(reply, |reader| {
            let now_us = reader.integer()?;
            let mut told = |table: &BucketTable| {
                table.buckets().iter().map(|_| Standing::read(reader)).collect::<Result<Vec<_>, _>>()
            };
            Ok(ForeseeReply { now_us, now: told(&self.now)?, then: told(&self.then)? })
        })
    }
}
