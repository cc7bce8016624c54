//! Ids of replicas for people: their beginnings, where those tell them apart.

use std::collections::{BTreeMap, BTreeSet};

use super::plain::plain;

/// Characters of an id that are shown. Of two thousand ids hardly ever two begin with the same eight.
const SHOWN: usize = 8;

/// The ids that are known, by their beginnings.
#[derive(Debug, Default)]
pub(super) struct ReplicaIds {
    by_beginning: BTreeMap<String, BTreeSet<String>>,
}

impl ReplicaIds {
    /// From now on an id that begins as this one does is shown whole.
    pub(super) fn note(&mut self, id: &str) {
        self.by_beginning.entry(beginning(id)).or_default().insert(id.to_owned());
    }

    /// The beginning of an id, or all of it if another one that is known begins the same.
    pub(super) fn shown(&self, id: &str) -> String {
        let beginning = beginning(id);
        let alike = self.by_beginning.get(&beginning);
        let is_alone = alike.is_none_or(|alike| alike.iter().all(|other| other == id));
        plain(if is_alone { &beginning } else { id })
    }
}

fn beginning(id: &str) -> String {
    id.chars().take(SHOWN).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_shown_as_far_as_it_takes_to_tell_it() {
        let mut ids = ReplicaIds::default();
        let [one, alike] = ["0123456789abcdef0123456789abcdef", "01234567ffffffffffffffffffffffff"];
        assert_eq!(ids.shown(one), "01234567");
        ids.note(one);
        ids.note(one);
        assert_eq!((ids.shown(one), ids.shown(alike)), ("01234567".to_owned(), alike.to_owned()));
        ids.note(alike);
        assert_eq!((ids.shown(one), ids.shown(alike)), (one.to_owned(), alike.to_owned()));
        assert_eq!(ids.shown("r\u{1b}"), "r\\u{1b}");
    }
}
