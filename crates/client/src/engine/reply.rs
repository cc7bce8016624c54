//! What any script may answer instead of doing its work.

use super::flat::{Malformed, Reader};

/// The answer of a script: its result, or why there is none. In every case but `Done` nothing was charged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply<T> {
    /// It did its work.
    Done(T),
    /// The store does not know the namespace, or no longer.
    Lost,
    /// Another policy is in force than the one that the request was compiled from.
    Stale {
        /// The one in force.
        fence: String,
    },
    /// A later batch has taken the place of this one: an answer that nobody waits for any more.
    Superseded,
}

impl<T> Reply<T> {
    /// Reads the status, then the result by `read`.
    pub(super) fn read(
        bytes: &[u8],
        read: impl FnOnce(&mut Reader<'_>) -> Result<T, Malformed>,
    ) -> Result<Self, Malformed> {
        let mut reader = Reader::new(bytes)?;
        let reply = match reader.integer()? {
            0 => Self::Done(read(&mut reader)?),
            1 => Self::Lost,
            2 => Self::Stale { fence: reader.text()?.to_owned() },
            3 => Self::Superseded,
            _ => return Err(Malformed("an unknown status")),
        };
        reader.finish()?;
        Ok(reply)
    }

    /// The same answer with another result.
    pub(crate) fn map<U>(self, result: impl FnOnce(T) -> U) -> Reply<U> {
        match self {
            Self::Done(done) => Reply::Done(result(done)),
            Self::Lost => Reply::Lost,
            Self::Stale { fence } => Reply::Stale { fence },
            Self::Superseded => Reply::Superseded,
        }
    }
}
