//! One hash: a short list while small, a tree once large, as Redis keeps a listpack and then a table.

use std::collections::BTreeMap;
use std::ops::Bound;

/// Redis's `hash-max-listpack-entries` in all its versions since 2.6: up to here a hash keeps insertion order.
const COMPACT_FIELDS_MAX: usize = 512;
/// Redis's `hash-max-listpack-value`: one longer field or value makes a table of the hash.
const COMPACT_BYTES_MAX: usize = 64;

/// A field and its value, both byte strings.
#[derive(Debug, Clone)]
pub(super) struct Pair {
    place: Place,
    pub(super) field: Box<[u8]>,
    pub(super) value: Box<[u8]>,
}

/// Where a field stands in the order of a scan: a hash of its name, from 1 to 2^48 - 1.
///
/// It depends on the name alone. A scan that walks the places upward therefore meets every field that is there from
/// start to end, whatever comes and goes around it, and it ends, for a newcomer lands anywhere and not always ahead.
/// 48 bits keep the cursor exact even in a script that makes a number of it.
pub(super) type Place = u64;

fn place_of(field: &[u8]) -> Place {
    // FNV-1a, then the mixer of splitmix64: FNV alone leaves the upper bits of short names too regular for a tree.
    let fnv = field.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    let mixed = (fnv ^ (fnv >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((mixed ^ (mixed >> 31)) >> 16).max(1)
}

/// A hash of byte strings.
#[derive(Debug)]
pub(super) struct Hash {
    fields: Fields,
}

#[derive(Debug)]
enum Fields {
    /// In the order of insertion, which `HSCAN` shows. Searched by place: comparing words is quicker than an index.
    Compact(Vec<Pair>),
    /// By place; the few fields that share a place share a list. A tree gives its nodes back as they empty.
    Table { places: BTreeMap<Place, Vec<Pair>>, len: usize },
}

impl Hash {
    pub(super) fn new() -> Hash {
        Hash { fields: Fields::Compact(Vec::new()) }
    }

    pub(super) fn len(&self) -> usize {
        match &self.fields {
            Fields::Compact(pairs) => pairs.len(),
            Fields::Table { len, .. } => *len,
        }
    }

    pub(super) fn get(&self, field: &[u8]) -> Option<&[u8]> {
        let place = place_of(field);
        let pairs = match &self.fields {
            Fields::Compact(pairs) => pairs,
            Fields::Table { places, .. } => places.get(&place)?,
        };
        position(pairs, place, field).map(|index| &*pairs[index].value)
    }

    /// Sets a field; whether it is new.
    pub(super) fn set(&mut self, field: &[u8], value: &[u8]) -> bool {
        if field.len() > COMPACT_BYTES_MAX || value.len() > COMPACT_BYTES_MAX {
            self.become_table();
        }
        let place = place_of(field);
        let is_new = match &mut self.fields {
            Fields::Compact(pairs) => upsert(pairs, place, field, value),
            Fields::Table { places, len } => {
                // Room for one: hardly any place is shared.
                let pairs = places.entry(place).or_insert_with(|| Vec::with_capacity(1));
                let is_new = upsert(pairs, place, field, value);
                *len += usize::from(is_new);
                is_new
            }
        };
        if self.len() > COMPACT_FIELDS_MAX {
            self.become_table();
        }
        is_new
    }

    /// Removes a field; whether it was there.
    pub(super) fn remove(&mut self, field: &[u8]) -> bool {
        let place = place_of(field);
        match &mut self.fields {
            Fields::Compact(pairs) => {
                let found = position(pairs, place, field);
                // Keeps the order of the rest, which a script can see.
                found.is_some_and(|index| pairs.remove(index).place == place)
            }
            Fields::Table { places, len } => {
                let Some(pairs) = places.get_mut(&place) else {
                    return false;
                };
                let Some(index) = position(pairs, place, field) else {
                    return false;
                };
                pairs.remove(index);
                if pairs.is_empty() {
                    places.remove(&place);
                }
                *len -= 1;
                true
            }
        }
    }

    /// One page of a scan from `cursor` on (0 starts), and the cursor of the next page (0: there is none).
    ///
    /// A small hash comes whole, whatever cursor and count say, as in Redis. A large one gives at least `count`
    /// fields unless it ends before, and more only where fields share a place.
    pub(super) fn page(&self, cursor: Place, count: usize) -> (Place, Vec<&Pair>) {
        match &self.fields {
            Fields::Compact(pairs) => (0, pairs.iter().collect()),
            Fields::Table { places, .. } => {
                let mut page = Vec::with_capacity(count.min(self.len()));
                for (place, pairs) in places.range((Bound::Included(cursor), Bound::Unbounded)) {
                    if page.len() >= count {
                        return (*place, page);
                    }
                    page.extend(pairs);
                }
                (0, page)
            }
        }
    }

    /// Every field with its value, in the hash's own order.
    pub(super) fn pairs(&self) -> impl Iterator<Item = &Pair> {
        let (compact, table) = match &self.fields {
            Fields::Compact(pairs) => (Some(pairs), None),
            Fields::Table { places, .. } => (None, Some(places.values().flatten())),
        };
        compact.into_iter().flatten().chain(table.into_iter().flatten())
    }

    /// One way, as in Redis: only deleting the key makes a hash small again.
    fn become_table(&mut self) {
        if let Fields::Compact(pairs) = &mut self.fields {
            let len = pairs.len();
            let mut places: BTreeMap<Place, Vec<Pair>> = BTreeMap::new();
            for pair in pairs.drain(..) {
                places.entry(pair.place).or_insert_with(|| Vec::with_capacity(1)).push(pair);
            }
            self.fields = Fields::Table { places, len };
        }
    }
}

fn position(pairs: &[Pair], place: Place, field: &[u8]) -> Option<usize> {
    pairs.iter().position(|pair| pair.place == place && *pair.field == *field)
}

fn upsert(pairs: &mut Vec<Pair>, place: Place, field: &[u8], value: &[u8]) -> bool {
    if let Some(index) = position(pairs, place, field) {
        pairs[index].value = value.into();
        return false;
    }
    pairs.push(Pair { place, field: field.into(), value: value.into() });
    true
}

#[cfg(test)]
mod tests;
