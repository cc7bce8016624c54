//! What a limiter answers: granted, or refused and when to come again.

use std::fmt;
use std::time::Duration;

use crate::permit::Permit;
use crate::policy::{Measure, Terms};

/// The answer to one call.
#[derive(Debug)]
#[must_use = "a granted call has been charged"]
pub enum Decision {
    /// The call may be sent; every limit on its path has been charged.
    Granted(Permit),
    /// The call may not be sent; nothing has been charged.
    Refused(Refused),
}

/// Why a call was refused, and the earliest time that could work.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Refused {
    /// The limit that binds: of those on the call's path the one with the longest wait.
    pub limit: String,
    /// Which of its buckets, the values it is counted per.
    pub key: String,
    /// What that bucket earns, costs and holds.
    pub terms: Terms,
    /// What is counted in it.
    pub measure: Measure,
    /// What there is too little of.
    pub reason: Reason,
    /// From when the store decided, exact to the microsecond by its clock: decided on one microsecond earlier the call
    /// would be refused again, at this time granted, if nobody else came. With [`Reason::Buckets`] it is a guess of one
    /// second, with [`Reason::InFlight`] one of 5 to 250 milliseconds, by how long calls have been in flight so far.
    pub retry_after: Duration,
}

/// What a limit has too little of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// Tokens in the bucket.
    Tokens,
    /// Time since the last grant: the limit's `spacing` has not passed.
    Spacing,
    /// Calls in flight that are over: the limit has as many as its `concurrent` allows.
    InFlight,
    /// Room for one more bucket: the limit has as many as its `max_keys` allows. The sweep may have made room by then.
    Buckets,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { limit, key, reason, retry_after, .. } = self;
        match reason {
            Reason::Tokens => write!(f, "limit {limit} [{key}] has no tokens left"),
            Reason::Spacing => write!(f, "limit {limit} [{key}] has just granted a call"),
            Reason::InFlight => write!(f, "limit {limit} [{key}] has as many calls in flight as it may"),
            Reason::Buckets => {
                write!(f, "limit {limit} has as many buckets as it may, [{key}] would be another")
            }
        }?;
        write!(f, ", retry in {retry_after:?}")
    }
}
