//! What the batches of several scripts have in common.

use super::flat::Writer;

/// First characters of the fields of a namespace's state; `lua/README.md` has the catalogue.
pub(super) const BUCKET: &str = "b:";
pub(super) const EPISODE: &str = "e:";
pub(super) const COUNTER: &str = "n:";
pub(super) const ANSWER: &str = "a:";
pub(super) const PERMIT: &str = "p:";

/// What makes a batch answered once, however often it arrives.
#[derive(Clone, Copy, Debug)]
pub struct BatchId<'a> {
    /// The name under which the last answer is kept: a replica, and one of its lanes.
    pub answer: &'a str,
    /// Rises with every batch under this name, from 1.
    pub number: u64,
    /// The run id of the server process that the connection leads to.
    pub server: &'a str,
}

/// Whether a batch may have arrived before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeated {
    /// It is sent for the first time.
    No,
    /// It was sent before and its answer never came.
    Yes,
}

/// The field of a permit's name, "" for a permit without one.
pub(super) fn write_permit(args: &mut Writer, permit: Option<&str>) {
    match permit {
        Some(name) => args.joined(PERMIT, name),
        None => args.text(""),
    }
}
