//! The keys an engine holds: hashes and streams.

use std::collections::BTreeMap;

use super::answer::Answer;
use super::hash::Hash;
use super::stream::{Stream, StreamId};

/// What is said to a command for another type than the key's.
const WRONG_TYPE: Answer<'static> =
    Answer::Error("WRONGTYPE Operation against a key holding the wrong kind of value");

/// A whole keyspace as data, sorted by key.
pub type KeyspaceDump = Vec<(Vec<u8>, KeyDump)>;

/// What one key holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyDump {
    /// Fields and their values, sorted by field.
    Hash(Vec<(Vec<u8>, Vec<u8>)>),
    /// A stream.
    Stream(StreamDump),
}

/// A stream as data.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StreamDump {
    /// The id given out last, of an entry that may be gone.
    pub last_id: String,
    /// Each entry's id, and its fields and values one after the other.
    pub entries: Vec<(String, Vec<Vec<u8>>)>,
}

/// The keys of one [`Engine`](super::Engine). Scripts write it; tests look at it whole, or empty it.
///
/// There is no expiry in here: nothing in our scripts depends on a TTL having fired.
#[derive(Debug, Default)]
pub struct Keyspace {
    // Sorted, so that a dump, and with it a simulation, never depends on a random seed. There are few keys.
    keys: BTreeMap<Box<[u8]>, Kept>,
}

/// What a key holds.
#[derive(Debug)]
enum Kept {
    Hash(Hash),
    Stream(Stream),
}

impl Keyspace {
    /// Everything: two keyspaces are equal where their dumps are.
    #[must_use]
    pub fn dump(&self) -> KeyspaceDump {
        self.keys.iter().map(|(key, kept)| (key.to_vec(), kept.dump())).collect()
    }

    /// How many fields all hashes have together.
    #[must_use]
    pub fn field_count(&self) -> usize {
        self.keys.values().map(|kept| if let Kept::Hash(hash) = kept { hash.len() } else { 0 }).sum()
    }

    /// How many fields a hash has, 0 if the key holds none.
    #[must_use]
    pub fn hash_len(&self, key: &[u8]) -> usize {
        if let Some(Kept::Hash(hash)) = self.keys.get(key) { hash.len() } else { 0 }
    }

    /// Forgets everything, as `FLUSHALL` does.
    pub fn flush(&mut self) {
        self.keys.clear();
    }

    pub(super) fn holds(&self, key: &[u8]) -> bool {
        self.keys.contains_key(key)
    }

    /// The hash under `key`, if there is one; what is said where it is something else.
    pub(super) fn hash(&self, key: &[u8]) -> Result<Option<&Hash>, Answer<'static>> {
        match self.keys.get(key) {
            None => Ok(None),
            Some(Kept::Hash(hash)) => Ok(Some(hash)),
            Some(Kept::Stream(_)) => Err(WRONG_TYPE),
        }
    }

    /// The hash under `key`, made if it is missing. The caller puts a field into it: no hash is ever empty.
    pub(super) fn hash_or_new(&mut self, key: &[u8]) -> Result<&mut Hash, Answer<'static>> {
        match self.keys.entry(key.into()).or_insert_with(|| Kept::Hash(Hash::new())) {
            Kept::Hash(hash) => Ok(hash),
            Kept::Stream(_) => Err(WRONG_TYPE),
        }
    }

    /// The stream under `key`, if there is one; what is said where it is something else.
    pub(super) fn stream(&self, key: &[u8]) -> Result<Option<&Stream>, Answer<'static>> {
        match self.keys.get(key) {
            None => Ok(None),
            Some(Kept::Stream(stream)) => Ok(Some(stream)),
            Some(Kept::Hash(_)) => Err(WRONG_TYPE),
        }
    }

    /// The same, to be changed. A stream may be empty.
    pub(super) fn stream_mut(&mut self, key: &[u8]) -> Result<Option<&mut Stream>, Answer<'static>> {
        match self.keys.get_mut(key) {
            None => Ok(None),
            Some(Kept::Stream(stream)) => Ok(Some(stream)),
            Some(Kept::Hash(_)) => Err(WRONG_TYPE),
        }
    }

    /// The stream under `key`, made if it is missing.
    pub(super) fn stream_or_new(&mut self, key: &[u8]) -> Result<&mut Stream, Answer<'static>> {
        match self.keys.entry(key.into()).or_insert_with(|| Kept::Stream(Stream::default())) {
            Kept::Stream(stream) => Ok(stream),
            Kept::Hash(_) => Err(WRONG_TYPE),
        }
    }

    /// Removes fields; how many were there. A hash without fields is no key.
    pub(super) fn remove_fields(&mut self, key: &[u8], fields: &[Vec<u8>]) -> Result<usize, Answer<'static>> {
        let hash = match self.keys.get_mut(key) {
            None => return Ok(0),
            Some(Kept::Hash(hash)) => hash,
            Some(Kept::Stream(_)) => return Err(WRONG_TYPE),
        };
        let removed = fields.iter().filter(|field| hash.remove(field)).count();
        if hash.len() == 0 {
            self.keys.remove(key);
        }
        Ok(removed)
    }

    /// Removes a key; whether it was there.
    pub(super) fn remove(&mut self, key: &[u8]) -> bool {
        self.keys.remove(key).is_some()
    }
}

impl Kept {
    fn dump(&self) -> KeyDump {
        match self {
            Self::Hash(hash) => {
                let pair = |pair: &super::hash::Pair| (pair.field.to_vec(), pair.value.to_vec());
                let mut fields: Vec<_> = hash.pairs().map(pair).collect();
                fields.sort();
                KeyDump::Hash(fields)
            }
            Self::Stream(stream) => {
                let texts = |texts: &[Box<[u8]>]| texts.iter().map(|text| text.to_vec()).collect();
                let all = stream.range(StreamId::MIN, StreamId::MAX);
                KeyDump::Stream(StreamDump {
                    last_id: stream.last_id().to_string(),
                    entries: all.map(|(id, fields)| (id.to_string(), texts(fields))).collect(),
                })
            }
        }
    }
}
