//! The arguments and the replies of the scripts for API keys: `key_make.lua`, `key_revoke.lua`, `keys.lua` and
//! `key_touch.lua`.

use super::flat::{Malformed, Writer};
use super::reply::Reply;
use crate::change::Change;

/// A key that is to be made.
#[derive(Clone, Debug)]
pub struct KeyMake {
    /// Its id, which no other key has.
    pub id: String,
    /// The digest of its secret, in hexadecimal.
    pub digest: String,
    /// What it is for.
    pub role: String,
    /// Whose it is.
    pub label: String,
    /// From when on it is good for nothing, in microseconds of the namespace's time; 0 for never.
    pub expires_at_us: u64,
    /// The mark of the keys from now on.
    pub tag: String,
    /// Who makes it, and what for.
    pub change: Change,
    /// Who was told.
    pub replica: String,
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyMakeReply {
    /// It is made, by this try or an earlier one, at this time in microseconds.
    Made(u64),
    /// There are as many as there may be.
    TooMany,
    /// Another key has the id.
    Taken,
    /// The first key of a namespace has to be an admin's.
    NoAdmin,
    /// Its end is past: the time in microseconds.
    Past(u64),
}

/// A key that is to be revoked.
#[derive(Clone, Debug)]
pub struct KeyRevoke {
    /// Its id.
    pub id: String,
    /// The mark of the keys from now on.
    pub tag: String,
    /// Who revokes it, and what for.
    pub change: Change,
    /// Who was told.
    pub replica: String,
}

/// A question for all keys.
#[derive(Clone, Debug, Default)]
pub struct KeysRead {
    /// The mark of the keys that are known already.
    pub known: Option<String>,
}

/// The keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeysReply {
    /// The namespace's time, in microseconds.
    pub now_us: u64,
    /// Their mark, "" where there never was one.
    pub tag: String,
    /// All of them; none where the mark is the one that is known.
    pub keys: Vec<KeyRecord>,
}

/// A key as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRecord {
    /// Its id.
    pub id: String,
    /// The digest of its secret, in hexadecimal.
    pub digest: String,
    /// What it is for.
    pub role: String,
    /// Whose it is.
    pub label: String,
    /// Who made it.
    pub author: String,
    /// When, in microseconds of the namespace's time.
    pub made_at_us: u64,
    /// From when on it is good for nothing; 0 for never.
    pub expires_at_us: u64,
    /// When it was last used; 0 for never.
    pub used_at_us: u64,
}

/// Word that keys were used.
#[derive(Clone, Copy, Debug)]
pub struct KeyTouch<'a> {
    /// Their ids, 1 to 1,000.
    pub ids: &'a [String],
}

impl KeyMake {
    /// The script's argument.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut args = Writer::new();
        for text in [&self.id, &self.digest, &self.role, &self.label] {
            args.text(text);
        }
        args.integer(self.expires_at_us);
        for text in [&self.tag, &self.change.author, &self.change.reason, &self.replica] {
            args.text(text);
        }
        args.finish()
    }

    /// The script's reply.
    pub fn decode(reply: &[u8]) -> Result<Reply<KeyMakeReply>, Malformed> {
        Reply::read(reply, |reader| {
            let (outcome, now_us) = (reader.integer()?, reader.integer()?);
            Ok(match outcome {
                0 => KeyMakeReply::Made(now_us),
                1 => KeyMakeReply::TooMany,
                2 => KeyMakeReply::Taken,
                3 => KeyMakeReply::NoAdmin,
                4 => KeyMakeReply::Past(now_us),
                _ => return Err(Malformed("an unknown outcome")),
            })
        })
    }
}

impl KeyRevoke {
    /// The script's argument.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut args = Writer::new();
        for text in [&self.id, &self.tag, &self.change.author, &self.change.reason, &self.replica] {
            args.text(text);
        }
        args.finish()
    }

    /// The script's reply: whether there was such a key.
    pub fn decode(reply: &[u8]) -> Result<Reply<bool>, Malformed> {
        Reply::read(reply, |reader| Ok(reader.integer()? == 1))
    }
}

impl KeysRead {
    /// The script's argument.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut args = Writer::new();
        args.text(self.known.as_deref().unwrap_or("-"));
        args.finish()
    }

    /// The script's reply.
    pub fn decode(reply: &[u8]) -> Result<Reply<KeysReply>, Malformed> {
        Reply::read(reply, |reader| {
            let (now_us, tag) = (reader.integer()?, reader.text()?.to_owned());
            let mut keys = Vec::with_capacity(reader.left() / 8);
            while reader.left() > 0 {
                keys.push(KeyRecord {
                    id: reader.text()?.to_owned(),
                    digest: reader.text()?.to_owned(),
                    role: reader.text()?.to_owned(),
                    label: reader.text()?.to_owned(),
                    author: reader.text()?.to_owned(),
                    made_at_us: reader.integer()?,
                    expires_at_us: reader.integer()?,
                    used_at_us: reader.integer()?,
                });
            }
            Ok(KeysReply { now_us, tag, keys })
        })
    }
}

impl KeyTouch<'_> {
    /// The script's argument.
    #[must_use]
    pub fn encode(self) -> Vec<u8> {
        let mut args = Writer::new();
        self.ids.iter().for_each(|id| args.text(id));
        args.finish()
    }

    /// The script's reply: how many of the keys are there.
    pub fn decode(reply: &[u8]) -> Result<Reply<u64>, Malformed> {
        Reply::read(reply, |reader| {
            let noted = reader.integer()?;
            Ok(noted)
        })
    }
}
