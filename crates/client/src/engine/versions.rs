//! The argument and the reply of `versions.lua`.

use super::flat::{Malformed, Writer};
use super::reply::Reply;

/// A question for the versions of a policy that are kept.
#[derive(Clone, Copy, Debug)]
pub struct Versions {
    /// Most of them, 1 to 100, from the newest back.
    pub most: u64,
}

/// A version of a policy without its document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionRecord {
    /// From 1.
    pub version: u64,
    /// Its mark, `<version>-<digest>`.
    pub fence: String,
    /// When it was written, in microseconds of the namespace's time.
    pub written_at_us: u64,
    /// Who wrote it.
    pub author: String,
    /// What for.
    pub reason: String,
}

impl Versions {
    /// The script's argument.
    #[must_use]
    pub fn encode(self) -> Vec<u8> {
        let mut args = Writer::new();
        args.integer(self.most);
        args.finish()
    }

    /// The script's reply.
    pub fn decode(reply: &[u8]) -> Result<Reply<Vec<VersionRecord>>, Malformed> {
        Reply::read(reply, |reader| {
            let mut versions = Vec::with_capacity(reader.left() / 5);
            while reader.left() > 0 {
                versions.push(VersionRecord {
                    version: reader.integer()?,
                    fence: reader.text()?.to_owned(),
                    written_at_us: reader.integer()?,
                    author: reader.text()?.to_owned(),
                    reason: reader.text()?.to_owned(),
                });
            }
            Ok(versions)
        })
    }
}
