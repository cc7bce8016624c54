//! The arguments and the replies of `policy.lua` and `policy_read.lua`.

use super::flat::{Malformed, Reader, Writer};
use super::reply::Reply;

/// A policy to be written.
#[derive(Clone, Copy, Debug)]
pub struct PolicyWrite<'a> {
    /// Why it is written.
    pub mode: WriteMode<'a>,
    /// Its version, from 1.
    pub version: u64,
    /// Its mark, `<version>-<digest>`.
    pub fence: &'a str,
    /// It, as canonical JSON.
    pub document: &'a str,
    /// Who wrote it.
    pub author: &'a str,
    /// What for.
    pub reason: &'a str,
    /// The secret that seals permit ids; kept where the store has one.
    pub seal: &'a str,
    /// The replica that writes it.
    pub replica: &'a str,
    /// The limit that the policy has learned by this, if it has.
    pub learned: Option<&'a str>,
}

/// Why a policy is written.
#[derive(Clone, Copy, Debug)]
pub enum WriteMode<'a> {
    /// As the successor of the one with the fence `expected`, "" for none.
    Put {
        /// The fence of the policy that it follows.
        expected: &'a str,
    },
    /// Again, after the store has lost it.
    Restore {
        /// The last epoch that was seen; the next one begins.
        epoch: u64,
    },
}

/// How the buckets of a namespace without state begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begin {
    /// Full: nothing can have been spent before.
    Full,
    /// Empty: what was spent before is not known.
    Empty,
}

/// What became of a write: either way the fence of the policy that is in force now, "" if none is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WriteReply {
    /// It is in force, or with [`WriteMode::Restore`] a newer one.
    Written(String),
    /// Another one is in force than the one expected; nothing was written.
    Conflict(String),
}

impl PolicyWrite<'_> {
    /// The script's argument. `server` is the run id of the server process that the connection leads to.
    #[must_use]
    pub fn encode(&self, server: &str, begin: Begin) -> Vec<u8> {
        let (mode, expected, epoch) = match self.mode {
            WriteMode::Put { expected } => ("put", expected, 0),
            WriteMode::Restore { epoch } => ("restore", "", epoch),
        };
        let mut args = Writer::new();
        args.text(mode);
        args.text(expected);
        args.integer(self.version);
        args.text(self.fence);
        args.text(self.document);
        args.text(self.author);
        args.text(self.reason);
        args.text(self.seal);
        args.text(server);
        args.integer(epoch);
        args.flag(begin == Begin::Full);
        args.text(self.replica);
        args.text(self.learned.unwrap_or_default());
        args.finish()
    }

    /// The script's reply.
    pub fn decode(reply: &[u8]) -> Result<WriteReply, Malformed> {
        let mut reader = Reader::new(reply)?;
        let status = reader.integer()?;
        let fence = reader.text()?.to_owned();
        reader.finish()?;
        match status {
            0 => Ok(WriteReply::Written(fence)),
            4 => Ok(WriteReply::Conflict(fence)),
            _ => Err(Malformed("an unknown status")),
        }
    }
}

/// A question for a policy: a version, or `None` for the one in force.
#[derive(Clone, Copy, Debug)]
pub struct PolicyRead(pub Option<u64>);

/// A policy as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyRecord {
    /// Its version, from 1.
    pub version: u64,
    /// Its mark, `<version>-<digest>`.
    pub fence: String,
    /// When it was written, in microseconds of the namespace's time.
    pub written_at_us: u64,
    /// Who wrote it.
    pub author: String,
    /// What for.
    pub reason: String,
    /// It, as canonical JSON.
    pub document: String,
    /// The secret that seals permit ids.
    pub seal: String,
}

impl PolicyRead {
    /// The script's argument.
    #[must_use]
    pub fn encode(self) -> Vec<u8> {
        let mut args = Writer::new();
        args.integer(self.0.unwrap_or(0));
        args.finish()
    }

    /// The script's reply; `Lost` if there is no such policy.
    pub fn decode(self, reply: &[u8]) -> Result<Reply<PolicyRecord>, Malformed> {
        Reply::read(reply, |reader| {
            Ok(PolicyRecord {
                version: reader.integer()?,
                fence: reader.text()?.to_owned(),
                written_at_us: reader.integer()?,
                author: reader.text()?.to_owned(),
                reason: reader.text()?.to_owned(),
                document: reader.text()?.to_owned(),
                seal: reader.text()?.to_owned(),
            })
        })
    }
}
