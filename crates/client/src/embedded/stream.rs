//! One stream: entries in the order of their ids, which only ever rise.

use std::collections::BTreeMap;
use std::fmt;

/// The id of an entry: milliseconds, and a number within them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct StreamId {
    pub(super) ms: u64,
    pub(super) sequence: u64,
}

/// Fields and values, one after the other.
type Fields = Box<[Box<[u8]>]>;

/// A stream of entries.
#[derive(Debug, Default)]
pub(super) struct Stream {
    entries: BTreeMap<StreamId, Fields>,
    last_id: StreamId,
}

impl StreamId {
    pub(super) const MIN: Self = Self { ms: 0, sequence: 0 };
    pub(super) const MAX: Self = Self { ms: u64::MAX, sequence: u64::MAX };

    /// The id that follows, if there is one.
    pub(super) fn next(self) -> Option<Self> {
        match self.sequence.checked_add(1) {
            Some(sequence) => Some(Self { sequence, ..self }),
            None => Some(Self { ms: self.ms.checked_add(1)?, sequence: 0 }),
        }
    }

    /// The id before it, if there is one.
    pub(super) fn previous(self) -> Option<Self> {
        match self.sequence.checked_sub(1) {
            Some(sequence) => Some(Self { sequence, ..self }),
            None => Some(Self { ms: self.ms.checked_sub(1)?, sequence: u64::MAX }),
        }
    }
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.ms, self.sequence)
    }
}

impl Stream {
    /// The id given out last, also if its entry is gone.
    pub(super) fn last_id(&self) -> StreamId {
        self.last_id
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Adds an entry. The caller has seen that its id is above the last.
    pub(super) fn add(&mut self, id: StreamId, fields: &[Vec<u8>]) {
        self.entries.insert(id, fields.iter().map(|text| text.as_slice().into()).collect());
        self.last_id = id;
    }

    /// The entries with ids from `first` to `last`, both among them.
    pub(super) fn range(
        &self,
        first: StreamId,
        last: StreamId,
    ) -> impl DoubleEndedIterator<Item = (StreamId, &[Box<[u8]>])> {
        // A tree panics where the first is above the last.
        let wanted = (first <= last).then(|| self.entries.range(first..=last));
        wanted.into_iter().flatten().map(|(id, fields)| (*id, &**fields))
    }

    /// Removes the oldest entries until no more than `most` are left; how many went.
    pub(super) fn keep_last(&mut self, most: u64) -> usize {
        let mut removed = 0;
        while self.entries.len() as u64 > most && self.entries.pop_first().is_some() {
            removed += 1;
        }
        removed
    }

    /// Removes the entries with ids below `first`; how many went.
    pub(super) fn keep_from(&mut self, first: StreamId) -> usize {
        let kept = self.entries.split_off(&first);
        std::mem::replace(&mut self.entries, kept).len()
    }
}
