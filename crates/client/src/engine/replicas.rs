//! The arguments and the replies of `announce.lua` and `replicas.lua`.

use super::flat::{INTEGER_MAX, Malformed, Reader, Writer};
use super::reply::Reply;

/// First characters of the fields of replicas. A digit follows, in hexadecimal: the first of their ids.
const REPLICAS: &str = "r:";

/// Word that a replica lives, or ends.
#[derive(Clone, Copy, Debug)]
pub struct Announce<'a> {
    /// Its id, which begins with a hexadecimal digit.
    pub id: &'a str,
    /// It ends: from now on it is not there.
    pub ends: bool,
    /// Its machine, "" where it does not say.
    pub host: &'a str,
    /// Its process there.
    pub process: u32,
    /// Its version of Tollgate.
    pub version: &'a str,
    /// The fence of the policy that it holds.
    pub fence: &'a str,
    /// How many calls wait in it.
    pub waiting: u64,
}

/// A question for the replicas that share a namespace.
#[derive(Clone, Copy, Debug)]
pub struct ReplicasRead;

/// Those that there are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplicasReply {
    /// The namespace's time, in microseconds.
    pub now_us: u64,
    /// The fence of the policy in force.
    pub fence: String,
    /// When the epoch began, in microseconds; 0 where buckets began full.
    pub since_us: u64,
    /// There may be more than are noted.
    pub is_full: bool,
    /// In no order.
    pub replicas: Vec<ReplicaRow>,
}

/// A replica, as it has announced itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplicaRow {
    /// Its id.
    pub id: String,
    /// From when on it has been there, in microseconds of the namespace's time.
    pub since_us: u64,
    /// When it has last said so.
    pub seen_us: u64,
    /// Its machine, "" where it does not say.
    pub host: String,
    /// Its process there.
    pub process: u32,
    /// Its version of Tollgate.
    pub version: String,
    /// The fence of the policy that it holds.
    pub fence: String,
    /// How many calls wait in it.
    pub waiting: u64,
}

impl Announce<'_> {
    /// Most characters of a text in it.
    pub(crate) const TEXT_MAX: usize = 255;

    /// The script's argument.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut args = Writer::new();
        args.joined(REPLICAS, self.id.get(..1).unwrap_or_default());
        args.text(self.id);
        args.flag(self.ends);
        args.text(self.host);
        args.integer(self.process);
        args.text(self.version);
        args.text(self.fence);
        args.integer(self.waiting.min(INTEGER_MAX));
        args.finish()
    }

    /// The script's reply: whether the replica is noted.
    pub fn decode(reply: &[u8]) -> Result<Reply<bool>, Malformed> {
        Reply::read(reply, |reader| Ok(reader.integer()? == 1))
    }
}

impl ReplicasRead {
    /// The script's argument.
    #[must_use]
    pub fn encode(self) -> Vec<u8> {
        let mut args = Writer::new();
        (0..16).for_each(|digit| args.text(&format!("{REPLICAS}{digit:x}")));
        args.finish()
    }

    /// The script's reply.
    pub fn decode(reply: &[u8]) -> Result<Reply<ReplicasReply>, Malformed> {
        Reply::read(reply, |reader| {
            let (now_us, fence) = (reader.integer()?, reader.text()?.to_owned());
            let (since_us, is_full) = (reader.integer()?, reader.integer()? == 1);
            let mut replicas = Vec::with_capacity(reader.left() / 8);
            while reader.left() > 0 {
                replicas.push(ReplicaRow::read(reader)?);
            }
            Ok(ReplicasReply { now_us, fence, since_us, is_full, replicas })
        })
    }
}

impl ReplicaRow {
    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self {
            id: reader.text()?.to_owned(),
            since_us: reader.integer()?,
            seen_us: reader.integer()?,
            host: reader.text()?.to_owned(),
            process: reader.narrow()?,
            version: reader.text()?.to_owned(),
            fence: reader.text()?.to_owned(),
            waiting: reader.integer()?,
        })
    }
}
