//! The arguments and the reply of `sweep.lua`.

use super::batch::COUNTER;
use super::flat::{Malformed, Writer};
use super::reply::Reply;
use crate::policy::Policy;

/// Fields that one call looks at: a few hundred microseconds of a server's time.
const LOOKED: u64 = 250;

/// A part of a pass over everything that a namespace has stored.
#[derive(Clone, Copy, Debug)]
pub struct Sweep;

/// What a call did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SweepReply {
    /// Fields looked at, 0 if nothing was due.
    pub looked: u64,
    /// Fields removed.
    pub removed: u64,
    /// Microseconds until a call will find work.
    pub wait_us: u64,
    /// The namespace's time, in microseconds since 1970.
    pub now_us: u64,
}

impl Sweep {
    /// The script's argument. `policy` is the one that the sweep goes by, `fence` its mark in the store.
    #[must_use]
    pub fn encode(self, policy: &Policy, fence: &str) -> Vec<u8> {
        let mut args = Writer::new();
        args.integer(LOOKED);
        args.text(fence);
        let counted =
            || policy.limits().iter().flat_map(|limit| limit.outlasting_terms().map(move |own| (limit, own)));
        args.count(counted().count());
        for (limit, (measure, terms)) in counted() {
            args.joined(COUNTER, &limit.counted_as(measure));
            args.integer(terms.refill());
            args.integer(terms.credit());
            args.integer(terms.capacity());
        }
        args.finish()
    }

    /// The script's reply.
    pub fn decode(self, reply: &[u8]) -> Result<Reply<SweepReply>, Malformed> {
        Reply::read(reply, |reader| {
            Ok(SweepReply {
                looked: reader.integer()?,
                removed: reader.integer()?,
                wait_us: reader.integer()?,
                now_us: reader.integer()?,
            })
        })
    }
}
