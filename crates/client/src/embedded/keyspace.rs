//! The keys an engine holds, all of them hashes.

use std::collections::BTreeMap;

use super::hash::Hash;

/// A whole keyspace as data: keys sorted, and under each its fields sorted, with their values.
pub type KeyspaceDump = Vec<(Vec<u8>, Vec<(Vec<u8>, Vec<u8>)>)>;

/// The keys of one [`Engine`](super::Engine). Scripts write it; tests look at it whole, or empty it.
///
/// There is no expiry in here: nothing in our scripts depends on a TTL having fired.
#[derive(Debug, Default)]
pub struct Keyspace {
    // Sorted, so that a dump, and with it a simulation, never depends on a random seed. There are few keys.
    hashes: BTreeMap<Box<[u8]>, Hash>,
}

impl Keyspace {
    /// Everything, sorted by key and field: two keyspaces are equal where their dumps are.
    #[must_use]
    pub fn dump(&self) -> KeyspaceDump {
        let sorted_fields = |hash: &Hash| {
            let mut fields: Vec<_> =
                hash.pairs().map(|pair| (pair.field.to_vec(), pair.value.to_vec())).collect();
            fields.sort();
            fields
        };
        self.hashes.iter().map(|(key, hash)| (key.to_vec(), sorted_fields(hash))).collect()
    }

    /// How many fields all keys have together.
    #[must_use]
    pub fn field_count(&self) -> usize {
        self.hashes.values().map(Hash::len).sum()
    }

    /// Forgets everything, as `FLUSHALL` does.
    pub fn flush(&mut self) {
        self.hashes.clear();
    }

    pub(super) fn get(&self, key: &[u8]) -> Option<&Hash> {
        self.hashes.get(key)
    }

    /// The hash under `key`, made if it is missing. The caller puts a field into it: no key is ever empty.
    pub(super) fn get_or_create(&mut self, key: &[u8]) -> &mut Hash {
        self.hashes.entry(key.into()).or_insert_with(Hash::new)
    }

    /// Removes fields; how many were there. A hash without fields is no key.
    pub(super) fn remove_fields(&mut self, key: &[u8], fields: &[Vec<u8>]) -> usize {
        let Some(hash) = self.hashes.get_mut(key) else {
            return 0;
        };
        let removed = fields.iter().filter(|field| hash.remove(field)).count();
        if hash.len() == 0 {
            self.hashes.remove(key);
        }
        removed
    }

    /// Removes a key; whether it was there.
    pub(super) fn remove(&mut self, key: &[u8]) -> bool {
        self.hashes.remove(key).is_some()
    }
}
